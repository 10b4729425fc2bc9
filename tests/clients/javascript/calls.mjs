// Run by node: calls of AWS's SDK for JavaScript named on stdin, what came back on stdout. Endpoint, Region and
// credentials come from the environment, as on AWS.
import * as bedrock from "@aws-sdk/client-bedrock";
import * as runtime from "@aws-sdk/client-bedrock-runtime";
import * as states from "@aws-sdk/client-sfn";
import { NodeHttpHandler } from "@smithy/node-http-handler";

// The one thing that is set: this client speaks HTTP/2 by default, and the embedded AWS HTTP/1.1.
const requestHandler = new NodeHttpHandler();

const clients = {
  "bedrock": [bedrock, new bedrock.BedrockClient({ maxAttempts: 1 })],
  "bedrock-runtime": [runtime, new runtime.BedrockRuntimeClient({ maxAttempts: 1, requestHandler })],
  "stepfunctions": [states, new states.SFNClient({ maxAttempts: 1 })],
};

const lines = [];
process.stdin.on("data", (data) => lines.push(data));
process.stdin.on("end", async () => {
  const told = [];
  for (const { service, operation, input } of JSON.parse(Buffer.concat(lines))) {
    const [commands, client] = clients[service];
    if (typeof input.body === "string") input.body = new TextEncoder().encode(input.body);
    try {
      const answer = await client.send(new commands[`${operation}Command`](input));
      if (answer.body) answer.body = new TextDecoder().decode(answer.body);
      told.push(answer);
    } catch (error) {
      told.push({ error: error.name, message: error.message, status: error.$metadata?.httpStatusCode });
    }
  }
  process.stdout.write(JSON.stringify(told));
});
