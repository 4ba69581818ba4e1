"""Small curated lists of names, by country. People, firms and vessels are made up."""

#: Given and family names, combined at random; with ʻokina, macrons and other marks that a
#: broker must carry unharmed.
PEOPLE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "FJ": (("Litia", "Jone", "Merewalesi", "Sitiveni"), ("Nasautest", "Vunitest", "Kalokalo")),
    "WS": (("Faʻatasi", "Siʻaosi", "Leilani", "Tuʻitino"), ("Testaʻele", "Lemalu", "Aʻoga")),
    "TO": (("ʻAna", "Mele", "Sione", "ʻOfa"), ("Testimoala", "Fakaʻosi", "Tāufa")),
    "VU": (("Rolinas", "Kalsakau", "Leipakoa"), ("Testarae", "Malvatu", "Tanna")),
    "SB": (("Ellen", "Fo'ana", "Rexley"), ("Testaumae", "Kwaisulia", "Maelasi")),
    "KI": (("Tebuka", "Nei Tiare", "Ioane"), ("Testibwe", "Karakaua", "Taburimai")),
    "TV": (("Falesa", "Lāvata", "Penitusi"), ("Testaupe", "Tofiga", "Sualo")),
    "PG": (("Kila", "Nao", "Wari"), ("Testamo", "Haoda", "Kurondo")),
    "NZ": (("Hēmi", "Mārama", "Wiremu"), ("Testāwhai", "Pōtae", "Smithtest")),
    "IN": (("Arjun", "Lakshmi", "Ravinder", "Sunita"), ("Testkumar", "Namune", "Udaharan")),
    "BD": (("Rahim", "Shirin", "Jamal"), ("Testuddin", "Namuna", "Porikkha")),
    "NP": (("Bishal", "Sita", "Dorje"), ("Testbahadur", "Namuna", "Parikshan")),
    "LK": (("Nimal", "Kumari", "Thilini"), ("Testasinghe", "Nidarsana", "Perakara")),
    "ID": (("Wahyu", "Siti", "Agus"), ("Ujicoba", "Contohwati", "Testanto")),
    "PH": (("Jun", "Marisol", "Ligaya"), ("Halimbawa", "Testamante", "Subok")),
    "MM": (("Aung", "Thida", "Kyaw"), ("Testhtun", "Namuna", "Sanmyint")),
    "TH": (("Somchai", "Malee", "Niran"), ("Thotsop", "Testawong", "Tuayang")),
    "CN": (("Wei", "Lì", "Xiù"), ("Cèshì", "Yàngběn", "Testwang")),
}

LANGUAGES: dict[str, str] = {
    "FJ": "fij",
    "WS": "smo",
    "TO": "ton",
    "VU": "bis",
    "SB": "pis",
    "KI": "gil",
    "TV": "tvl",
    "PG": "tpi",
    "NZ": "mri",
    "IN": "hin",
    "BD": "ben",
    "NP": "nep",
    "LK": "sin",
    "ID": "ind",
    "PH": "fil",
    "MM": "mya",
    "TH": "tha",
    "CN": "zho",
}

#: UN/LOCODE and name of one port a country.
PORTS: dict[str, tuple[str, str]] = {
    "FJ": ("FJSUV", "Suva"),
    "WS": ("WSAPW", "Apia"),
    "TO": ("TOTBU", "Nukuʻalofa"),
    "VU": ("VUVLI", "Port Vila"),
    "SB": ("SBHIR", "Honiara"),
    "KI": ("KITRW", "Tarawa"),
    "TV": ("TVFUN", "Funafuti"),
    "PG": ("PGPOM", "Port Moresby"),
    "NZ": ("NZAKL", "Tāmaki Makaurau"),
    "AU": ("AUBNE", "Brisbane"),
    "IN": ("INBOM", "Mumbai"),
    "BD": ("BDDAC", "Dhaka"),
    "NP": ("NPKTM", "Kathmandu"),
    "LK": ("LKCMB", "Colombo"),
    "ID": ("IDBIT", "Bitung"),
    "PH": ("PHGES", "General Santos"),
    "MM": ("MMRGN", "Yangon"),
    "TH": ("THBKK", "Bangkok"),
    "CN": ("CNSHA", "Shanghai"),
}

VESSELS = ("Testa Maru 88", "Fa'ataʻitaʻi No. 7", "Synthetic Star", "Ocean Specimen", "Lali Uji 21")

FIRMS = (
    "Specimen Seafoods Ltd",
    "Namuna Manpower Agency",
    "Testwood Logging Co",
    "Bula Sample Resort",
    "Example Pacific Trading",
)

FLAGS = ("PA", "TW", "VU", "KI", "LR")
