"""Word lists: given names, family names, cities, common words (data/*.txt), and small closed classes of words."""

from __future__ import annotations

from functools import cache
from importlib import resources

# The most prescribed medicines, international and brand names: capitalised words that are nobody's name.
DRUGS = (
    "acetaminophen acyclovir adalimumab adderall advil albuterol alendronate aleve allopurinol alprazolam "
    "amitriptyline amlodipine amoxicillin apixaban aripiprazole aspirin atenolol atorvastatin azithromycin "
    "baclofen benadryl benazepril bisoprolol budesonide bupropion buspirone caffeine candesartan captopril "
    "carbamazepine carvedilol cefalexin ceftriaxone celecoxib cephalexin cetirizine chlorthalidone ciprofloxacin "
    "citalopram clarithromycin claritin clindamycin clonazepam clonidine clopidogrel codeine colchicine cortisone "
    "cyclobenzaprine dapagliflozin desloratadine dexamethasone diazepam diclofenac digoxin diltiazem "
    "diphenhydramine donepezil doxazosin doxycycline dulaglutide dulcolax duloxetine eliquis empagliflozin "
    "enalapril enbrel epinephrine erythromycin escitalopram esomeprazole estradiol etanercept ezetimibe "
    "famotidine farxiga fenofibrate fentanyl fexofenadine finasteride flonase fluconazole fluoxetine fluticasone "
    "formoterol furosemide gabapentin glimepiride glipizide glyburide guaifenesin haloperidol heparin herceptin "
    "humira hydrochlorothiazide hydrocortisone hydroxychloroquine hydroxyzine ibuprofen imatinib imodium "
    "infliximab insulin ipratropium irbesartan iron isotretinoin ivermectin januvia jardiance keppra ketamine "
    "ketoconazole ketoprofen keytruda labetalol lamotrigine lansoprazole lantus latanoprost letrozole "
    "levetiracetam levocetirizine levofloxacin levothyroxine linagliptin lipitor liraglutide lisinopril lithium "
    "loperamide loratadine lorazepam losartan magnesium melatonin meloxicam memantine mesalamine metformin "
    "methadone methotrexate methylphenidate methylprednisolone metoprolol metronidazole miconazole miralax "
    "mirtazapine montelukast morphine motrin mounjaro moxifloxacin mucinex mupirocin naloxone naltrexone naproxen "
    "nebivolol neosporin nexium nicorette nifedipine nitrofurantoin nitroglycerin nortriptyline nystatin "
    "olanzapine olmesartan omeprazole ondansetron oseltamivir oxybutynin oxycodone ozempic pantoprazole "
    "paracetamol paroxetine paxlovid penicillin pepcid permethrin phenytoin pioglitazone plavix pravastatin "
    "prednisolone prednisone pregabalin prilosec progesterone promethazine propranolol prozac pseudoephedrine "
    "quetiapine quinapril rabeprazole raloxifene ramipril ranitidine remdesivir rifampin risperidone ritalin "
    "rituximab rivaroxaban rizatriptan robitussin ropinirole rosuvastatin salbutamol salmeterol semaglutide "
    "sertraline sildenafil simvastatin sitagliptin spironolactone sucralfate sudafed sulfamethoxazole sumatriptan "
    "symbicort synthroid tadalafil tamiflu tamoxifen tamsulosin telmisartan terazosin terbinafine testosterone "
    "ticagrelor timolol tiotropium tirzepatide tizanidine topiramate tramadol trazodone triamcinolone "
    "trimethoprim trulicity tums tylenol valacyclovir valproate valsartan vancomycin vardenafil venlafaxine "
    "ventolin verapamil viagra vitamin warfarin wegovy xanax xarelto zinc zoloft zolpidem zyrtec"
)
_CLASSES = {
    "title": (
        "mr mrs ms miss mx dr prof professor sir dame lord lady rev reverend doctor nurse sergeant sgt captain "
        "capt judge governor mayor minister senator president chancellor herr frau madame monsieur senor señor"
    ),
    "street": (
        "street st avenue ave av road rd boulevard blvd lane ln drive dr court ct place pl square sq terrace "
        "trail trl parkway pkwy highway hwy circle cir way crescent close grove gardens mews alley row loop plaza "
        "turnpike rue via calle strasse straße straat laan weg allee platz gasse avenida rua chemin cours quai "
        "ulica utca gatan gata vej tie katu corso viale piazza carrera paseo camino"
    ),
    "unit": "apt apartment suite ste unit flat floor room rm bldg building block tower house",
    "box": "box po",
    "state": (
        "al ak az ar ca co ct de fl ga hi id il ia ks ky la md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh ok pa "
        "ri sc sd tn tx ut vt va wa wv wi wy dc nsw qld vic bc ab qc"
    ),
    "statename": (
        "alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho "
        "illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota "
        "mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah "
        "vermont virginia wisconsin wyoming ontario quebec alberta manitoba queensland bavaria catalonia"
    ),
    "country": (
        "usa uk us america canada england scotland wales ireland france germany spain italy portugal netherlands "
        "belgium switzerland austria denmark sweden norway finland iceland poland hungary greece turkey russia "
        "ukraine romania bulgaria croatia serbia slovenia slovakia czechia egypt israel iran iraq india pakistan "
        "bangladesh china japan korea vietnam thailand malaysia singapore indonesia philippines australia zealand "
        "mexico brazil argentina chile peru colombia venezuela cuba jamaica bahamas nigeria ghana kenya ethiopia "
        "uganda morocco algeria tunisia bahrain qatar kuwait yemen oman jordan lebanon syria afghanistan "
        "kazakhstan mongolia nepal ecuador bolivia paraguay uruguay panama guatemala honduras nicaragua haiti "
        "estonia latvia lithuania luxembourg malta cyprus albania macedonia bosnia montenegro moldova belarus "
        "armenia azerbaijan turkmenistan uzbekistan zambia zimbabwe botswana namibia angola mozambique tanzania "
        "rwanda senegal mali niger chad sudan libya cameroon congo gabon europe asia africa antarctica"
    ),
    "day": (
        "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays "
        "saturdays sundays mon tue wed thu fri"
    ),
    "month": (
        "january february march april june july august september october november december jan feb mar apr jun "
        "jul aug sep sept oct nov dec"
    ),
    "org": (
        "inc ltd llc corp corporation company co gmbh plc sa ag group bank university hospital clinic college "
        "school institute foundation association department ministry agency church museum club hotel restaurant "
        "sons partners holdings systems solutions services technologies pharmaceuticals laboratories insurance"
    ),
    "kin": (
        "mother father mom mum dad son daughter wife husband brother sister uncle aunt friend colleague boss "
        "neighbor neighbour grandmother grandfather grandma grandpa cousin partner girlfriend boyfriend child "
        "baby patient client customer tenant employee manager"
    ),
    "call": (
        "named called name names hi hello dear hey regards sincerely thanks thank cheers yours love meet met ask "
        "asked told tell said says"
    ),
    "live": (
        "lives live living resides residing address addresses located deliver delivered ship shipped mail mailed "
        "send sent moved move home visit"
    ),
    "drug": DRUGS,
    "group": (
        "jew jews jewish muslim muslims islamic christian christians catholic protestant hindu buddhist sikh atheist "
        "american americans canadian british english scottish irish french german spanish italian dutch swedish danish "
        "norwegian polish russian ukrainian greek turkish israeli arab egyptian indian pakistani chinese japanese "
        "korean vietnamese thai african asian european latino hispanic mexican brazilian cuban australian californian "
        "californians texan nazi nazis republican democrat democrats republicans victorian"
    ),
    "verb": (
        "mix burn hack hang steal kill buy sell write create make explain describe summarize tell give show list find "
        "help check take stop start open close click press send"
    ),
    "particle": "van von de der den del della la le bin al el da dos di du ter ten af av zu ibn abu",
    "med": (
        "mg ml mcg tablet tablets dose daily twice capsule injection syrup cream disease syndrome disorder "
        "infection virus vaccine cancer"
    ),
}


@cache
def words(name: str) -> frozenset[str]:
    """The lower-case words of the list "first_names", "last_names", "cities" or "common_words"."""
    file = resources.files("local.bedrock.detectors").joinpath(f"data/{name}.txt")
    return frozenset(file.read_text(encoding="utf-8").split())


@cache
def names() -> frozenset[str]:
    """All given and family names."""
    return words("first_names") | words("last_names")


@cache
def _classes() -> dict[str, str]:
    """Word -> class; a word of several classes has the first."""
    found: dict[str, str] = {}
    for name, members in _CLASSES.items():
        for word in members.split():
            found.setdefault(word, name)
    return found


def word_class(word: str) -> str | None:
    """The closed class of a lower-case word, such as "title" or "street"."""
    return _classes().get(word)
