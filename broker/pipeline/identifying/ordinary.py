"""Words that are names and more than names: alone they tell less than beside another name."""

#: Never a name by themselves: titles, particles, kinds of work, months, days, countries,
#: peoples, and the marks of made-up data.
NEVER_ALONE = frozenset(
    "mr mrs ms miss mister madam sir dr doctor prof professor rev reverend pastor father brother "
    "sister captain master skipper officer chief senior junior jr sr the of and al el bin binti "
    "ibn ben abu van von der den de del della di da dos das du la le les san santa st ter nei te "
    "ratu adi tui tuilagi roko bulou ulu alii tama tamaiti afioga sau susuga lau hon honourable "
    "caseworker case worker handler agent source owner crew boss bos manager director recruiter "
    "broker driver police immigration customs child children person man woman boy girl victim "
    "suspect witness unknown name names unnamed none nil vessel company ltd limited inc co "
    "unit desk service services office department ministry agency organisation organization "
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday "
    "saturday sunday mon tue wed thu fri sat sun "
    "fiji fijian samoa samoan tonga tongan vanuatu solomon solomons islands island kiribati "
    "tuvalu tuvaluan nauru nauruan palau palauan niue niuean tokelau cook papua guinea png "
    "australia australian zealand zealander aotearoa caledonia caledonian polynesia polynesian "
    "melanesia micronesia marshall marshallese hawaii guam pacific oceania india indian china "
    "chinese bangladesh bangladeshi nepal nepali nepalese sri lanka lankan indonesia indonesian "
    "philippines filipino filipina myanmar burma burmese thailand thai vietnam vietnamese "
    "cambodia cambodian laos lao malaysia malaysian singapore taiwan taiwanese korea korean japan "
    "japanese jordan georgia chad israel cuba chile kenya france french england english german "
    "germany america american united states kingdom asia asian europe european africa african "
    "synthetic test sample example specimen exercise drill".split()
)

#: English words that people are called by, too: alone they count only with a capital letter
#: where a sentence would not ask for one.
ORDINARY = frozenset(
    "grace hope faith joy mercy patience prudence charity prince princess king queen rose lily "
    "daisy ruby pearl amber crystal coral jade ivy olive violet iris holly heather rosemary basil "
    "ginger sandy rocky will bill mark frank rich art jack rob bob pat sue gene grant chase drew "
    "dean earl duke miles mason hunter carter victor christian angel star moon sky rain storm "
    "snow frost winter summer spring dawn eve day noon long young old brown white black green "
    "gray grey red blue golden silver wood woods field fields hill hills lake river rivers stone "
    "bush price cash bank banks park parks street church temple bishop pope abbot cook baker "
    "butler fisher carpenter miller smith tailor taylor shepherd sailor major sergeant page "
    "knight little small short strong wise good best better moody sharp swift wolf fox lamb lion "
    "bear tiger dragon snake bird crow drake hawk eagle finch robin martin jay west east north "
    "south cross bell ball bond bolt chain hand hands head foot case man men son song sun sung "
    "wing wang ring king wan win won hung hang bang bay bin tin ton tong chin fun gun han ham "
    "hen pen pin pan pang mine ming dang dung don done dot fan fang fat gang gong hong home hotel "
    "guest house host her here him his how lee more moor less low law lay lane may might must "
    "new no now one two three four five six seven eight nine ten port bridge harbour bar club "
    "camp farm ship boat sea ocean beach bay reef island coast wharf dock quay marina sale sales "
    "fine lose sole pole mate tea toe tone mole rate pita tali lei vai are was were has had have "
    "did does do go went gone say said saw see seen so some such take taken tell told than that "
    "their them then there these they this those thus till time to too was way we what when "
    "where which who whom whose why with you your all also am an any as ask asked at be been but "
    "by can come could each eat eaten end even ever few for from get give given hear heard held "
    "help hold if in into is it its just keep kept kin lead left let like line live look lost "
    "made make many me meet met money move moved my near next not of off on only or other our out "
    "over own paid pass pay plan poor put quick ran rest road room rose run safe sail sailed "
    "same sell send sent set she sold soon stay still stop tall tame ted told trade trip true "
    "trust try under up us use used very visit wage wages wait walk want warn wash watch water "
    "week well work worked worker workers would write year years yes yet boys girls mother aunt "
    "auntie uncle cousin friend friends neighbour leader woman women family lady gentleman".split()
)
