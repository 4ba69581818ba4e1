"""Countries by the names that people write (ISO 3166-1, English short names)."""

import unicodedata

from broker.model.codelists import COUNTRIES

_WRITTEN = (
    "AD Andorra|AE United Arab Emirates|AF Afghanistan|AG Antigua and Barbuda|AI Anguilla|"
    "AL Albania|AM Armenia|AO Angola|AQ Antarctica|AR Argentina|AS American Samoa|AT Austria|"
    "AU Australia|AW Aruba|AX Aland Islands|AZ Azerbaijan|BA Bosnia and Herzegovina|"
    "BB Barbados|BD Bangladesh|BE Belgium|BF Burkina Faso|BG Bulgaria|BH Bahrain|BI Burundi|"
    "BJ Benin|BL Saint Barthélemy|BM Bermuda|BN Brunei|BO Bolivia|BQ Bonaire|BR Brazil|"
    "BS Bahamas|BT Bhutan|BV Bouvet Island|BW Botswana|BY Belarus|BZ Belize|CA Canada|"
    "CC Cocos Islands|CD Congo (Kinshasa)|CF Central African Republic|CG Congo (Brazzaville)|"
    "CH Switzerland|CI Ivory Coast|CK Cook Islands|CL Chile|CM Cameroon|CN China|CO Colombia|"
    "CR Costa Rica|CU Cuba|CV Cabo Verde|CW Curaçao|CX Christmas Island|CY Cyprus|CZ Czechia|"
    "DE Germany|DJ Djibouti|DK Denmark|DM Dominica|DO Dominican Republic|DZ Algeria|"
    "EC Ecuador|EE Estonia|EG Egypt|EH Western Sahara|ER Eritrea|ES Spain|ET Ethiopia|"
    "FI Finland|FJ Fiji|FK Falkland Islands|FM Micronesia (FSM)|FO Faroe Islands|FR France|"
    "GA Gabon|GB United Kingdom|GD Grenada|GE Georgia|GF French Guiana|GG Guernsey|GH Ghana|"
    "GI Gibraltar|GL Greenland|GM Gambia|GN Guinea|GP Guadeloupe|GQ Equatorial Guinea|"
    "GR Greece|GS South Georgia And The South Sandwich Islands|GT Guatemala|GU Guam|"
    "GW Guinea-Bissau|GY Guyana|HK Hong Kong|HM Heard Island And McDonald Islands|"
    "HN Honduras|HR Croatia|HT Haiti|HU Hungary|ID Indonesia|IE Ireland|IL Israel|"
    "IM Isle Of Man|IN India|IO British Indian Ocean Territory|IQ Iraq|IR Iran|IS Iceland|"
    "IT Italy|JE Jersey|JM Jamaica|JO Jordan|JP Japan|KE Kenya|KG Kyrgyzstan|KH Cambodia|"
    "KI Kiribati|KM Comoros|KN Saint Kitts And Nevis|KP North Korea|KR South Korea|KW Kuwait|"
    "KY Cayman Islands|KZ Kazakhstan|LA Laos|LB Lebanon|LC Saint Lucia|LI Liechtenstein|"
    "LK Sri Lanka|LR Liberia|LS Lesotho|LT Lithuania|LU Luxembourg|LV Latvia|LY Libya|"
    "MA Morocco|MC Monaco|MD Moldova|ME Montenegro|MF Saint Martin|MG Madagascar|"
    "MH Marshall Islands|MK North Macedonia|ML Mali|MM Myanmar|MN Mongolia|MO Macao|"
    "MP Northern Mariana Islands|MQ Martinique|MR Mauritania|MS Montserrat|MT Malta|"
    "MU Mauritius|MV Maldives|MW Malawi|MX Mexico|MY Malaysia|MZ Mozambique|NA Namibia|"
    "NC New Caledonia|NE Niger|NF Norfolk Island|NG Nigeria|NI Nicaragua|NL Netherlands|"
    "NO Norway|NP Nepal|NR Nauru|NU Niue|NZ New Zealand|OM Oman|PA Panama|PE Peru|"
    "PF French Polynesia|PG Papua New Guinea|PH Philippines|PK Pakistan|PL Poland|"
    "PM Saint Pierre And Miquelon|PN Pitcairn|PR Puerto Rico|PS Palestine|PT Portugal|"
    "PW Palau|PY Paraguay|QA Qatar|RE Reunion|RO Romania|RS Serbia|RU Russia|RW Rwanda|"
    "SA Saudi Arabia|SB Solomon Islands|SC Seychelles|SD Sudan|SE Sweden|SG Singapore|"
    "SH Saint Helena|SI Slovenia|SJ Svalbard And Jan Mayen|SK Slovakia|SL Sierra Leone|"
    "SM San Marino|SN Senegal|SO Somalia|SR Suriname|SS South Sudan|ST Sao Tome And Principe|"
    "SV El Salvador|SX Sint Maarten (Dutch part)|SY Syria|SZ Eswatini|"
    "TC Turks And Caicos Islands|TD Chad|TF French Southern Territories|TG Togo|TH Thailand|"
    "TJ Tajikistan|TK Tokelau|TL Timor-Leste|TM Turkmenistan|TN Tunisia|TO Tonga|TR Türkiye|"
    "TT Trinidad and Tobago|TV Tuvalu|TW Taiwan|TZ Tanzania|UA Ukraine|UG Uganda|"
    "UM United States Minor Outlying Islands|US United States|UY Uruguay|UZ Uzbekistan|"
    "VA Vatican City|VC Saint Vincent And The Grenadines|VE Venezuela|"
    "VG British Virgin Islands|VI U.S. Virgin Islands|VN Vietnam|VU Vanuatu|"
    "WF Wallis and Futuna|WS Samoa|YE Yemen|YT Mayotte|ZA South Africa|ZM Zambia|ZW Zimbabwe"
)

#: Code to name.
NAMES = {each[:2]: each[3:] for each in _WRITTEN.split("|")}

#: Other names in use in the region.
_OTHERS = {
    "png": "PG", "fsm": "FM", "micronesia": "FM", "rmi": "MH", "usa": "US", "america": "US",
    "uk": "GB", "england": "GB", "great britain": "GB", "solomons": "SB", "burma": "MM",
    "east timor": "TL", "viet nam": "VN", "russian federation": "RU", "western samoa": "WS",
    "aotearoa": "NZ", "cote d'ivoire": "CI", "korea": "KR", "republic of korea": "KR",
    "wallis": "WF", "marianas": "MP", "taiwan": "TW", "lao": "LA", "philippine": "PH",
    "turkey": "TR", "prc": "CN", "tahiti": "PF", "uae": "AE", "cnmi": "MP",
}  # fmt: skip

#: Offered first: the Pacific, and where people in its cases often come from.
OFFERED = tuple(
    NAMES[code]
    for code in (
        "AS AU BD CK CN FJ FM GU ID IN KH KI LK MH MM MP MY NC NF NP NR NU NZ PF PG PH PK PW "
        "SB TH TK TL TO TV TW VN VU WF WS"
    ).split()
)


def country_of(written: str) -> str | None:
    """Return the code of the country that *written* names, by name or code; None if none."""
    folded = _folded(written)
    return _BY_NAME.get(folded) or (folded.upper() if folded.upper() in COUNTRIES else None)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    kept = "".join(each for each in plain if not unicodedata.combining(each))
    return " ".join(kept.replace(".", "").split()).removeprefix("the ")


_BY_NAME = {_folded(name): code for code, name in NAMES.items()} | _OTHERS
