"""How customers ask for a person, in six languages (``session.phrases`` says how phrases are written).

``{who}`` stands for whom they may ask for when they say talk to, ``{person}`` for words that mean a human being or
an employee of ours even without that. A real estate agent, "my manager" and "someone to fix it" are neither.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asking:
    """The phrases of one language; ``bare`` must be a whole clause, ``denial`` stands right before a phrase."""

    who: str
    person: str
    frames: tuple[str, ...]
    bare: str
    denial: str


_EN_VERB = (
    r"(?:(?:speak|talk|chat|text|write|communicate)(?:ing)?(?: directly)? (?:with|to)|get (?:in touch|through|"
    r"connected|transferred) (?:with|to)|reach|contact|deal with|be (?:connected|transferred|put through|passed on) "
    r"(?:with|to)|be helped by)"
)
_EN_PERSON = (
    r"(?:(?:a|an|the|your|any|some|another|one of your) )?(?:(?:real|live|actual|living|human|proper|different) )*"
    r"(?:human(?: being)?s?|person|real people|live people|agent|operator|representative|rep|advis[eo]r|employee|"
    r"supervisor|manager|staff member|team member|member of (?:your |the )?(?:staff|team)|"
    r"customer (?:service|support|care)(?: (?:agent|rep|representative|team))?|support (?:agent|team|staff))"
)
ENGLISH = Asking(
    who=rf"(?:{_EN_PERSON}|(?:someone|somebody|anyone|anybody)(?: (?:else|real|human))?|"
    r"support|(?:your|the) (?:colleagues?|staff|people|boss|(?:\w+ )?(?:team|department)))",
    person=_EN_PERSON,
    frames=(
        r"(?:i|we)(?: (?:really|just|still|only|also|now|do|will))*(?:'d| would)?(?: (?:really|just|much))*(?: want| "
        r"wanna| need| like| love| rather| prefer| wish| have| must| demand| insist on)(?: to)? " + _EN_VERB + r" {who}",
        r"^(?:(?:please|just|ok|okay|yes|no|hi|hello|hey) )*(?:want|wanna|need|would like|like|let me|let's) (?:to )?"
        + _EN_VERB + r" {who}",
        r"(?:can|could|may|can't|couldn't|should|do) (?:i|we)(?: (?:please|just|maybe|possibly|not))* " + _EN_VERB
        + r" {who}",
        r"(?:possible|way|like) (?:for me )?to " + _EN_VERB + r" {who}",
        r"(?:let|allow) (?:me|us) (?:to )?" + _EN_VERB + r" {who}",
        (r"(?:^|(?:please|pls|just|now|then|and|ok|okay|yes|no|hi|hello|you to) |(?:can|could|would|will|must|should) "
        r"you (?:please |just |kindly )?)(?:connect|transfer|put|pass|hand|forward|switch|redirect|refer|escalate) "
        r"(?:me|us|this|it)(?: (?:through|over|on|up|now|please|in touch))* (?:to|with) {who}"),
        (r"(?:^|(?:please|pls|just|now|and|ok|okay|yes|no) |(?:can|could|would|will) you (?:please |just )?)"
        r"(?:get|give|find|send|bring) (?:me|us) {person}(?: (?:please|now|instead|who .*|to (?:talk|speak|help).*))?$"),
        (r"(?:i|we)(?: (?:really|just|only))*(?:'d| would)?(?: (?:want|need|demand|prefer|like)){1}(?: to have)? {person}"
        r"(?: (?:please|now|instead|here|asap|not .*|who .*|to (?:talk|speak|help|answer|call|contact).*))*$"),
        r"(?:i|we)(?:'d| would)? (?:want|need|like|prefer) (?:some )?(?:help|support|an answer) from {person}$",
        r"(?:can|could) (?:i|we|you) (?:please )?(?:get|have) (?:me )?{person} on the (?:line|phone)",
        (r"(?:is|are) there (?:{person}|(?:someone|somebody|anyone|anybody)) (?:(?:that |who |whom )?(?:i|we) can|to "
        r"(?:talk|speak|chat)).*"),
        (r"(?:is|are) there (?:a|any) (?:real |live |actual )*(?:human|person|people)s?(?: (?:being|here|there|available"
        r"|around|on the line))*$"),
        (r"(?:don't|do not|won't|will not|refuse to|not going to|rather not|tired of|sick of|stop)(?: (?:want|wish|like|"
        r"wanna|to|me))* (?:talk|speak|chat|deal)(?:ing)? (?:to|with) (?:a |an |this |some |another )?(?:ro)?"
        r"(?:bots?|chatbots?|machines?|computers?|ai)$"),
    ),
    bare=r"(?:(?:please|just|now|to|speak|talk|chat|with|i need) )*(?:(?:a|an|the) )?(?:(?:real|live|actual) person|"
    r"(?:(?:real|live|actual) )?(?:human(?: being)?|agent|operator|representative)|human agent|customer (?:service|support|care)|"
    r"person (?:please|now)|(?:to|with) {person})(?: (?:please|now|pls|plz|asap|thanks|thank you))*",
    denial=r"(?:don't|do not|doesn't|didn't|did not|not|never|no need|without|nobody|if|when|what time|said)"
    r"(?: \w+){0,2} $",
)  # fmt: skip

_ES_PERSON = (
    r"(?:(?:una?|el|la|alg[uú]n|alguna|su|tu|otr[oa]) )?(?:verdader[oa] )?(?:persona|ser humano|human[oa]|"
    r"agente(?! (?:inmobiliari|de viaje|de seguro))|operador|operadora|representante|asesora?|encargad[oa]|"
    r"supervisora?|gerente|emplead[oa]|responsable)(?: (?:real|human[oa]|de verdad|de carne y hueso))*"
)
SPANISH = Asking(
    who=rf"(?:{_ES_PERSON}|alguien(?: (?:real|de verdad|humano|más))?|(?:su|tu|el) (?:equipo|jefe|soporte)|"
    r"(?:el )?(?:servicio|atención) (?:al|de atención al) cliente)",
    person=_ES_PERSON,
    frames=(
        (r"(?<!no )(?:quiero|quisiera|quería|querría|necesito|deseo|me gustaría|prefiero|preferiría|queremos|"
        r"necesitamos|puedo|podría|podemos|podríamos|d[eé]jeme|déjame|posible|cómo hago para|exijo|tengo que|"
        r"forma de|manera de)(?: (?:por favor|mejor))* (?:hablar|chatear|conversar|comunicarme|contactar|tratar|"
        r"ponerme en contacto|ser atendid[oa]|escribir)(?: (?:directamente|ya|ahora))* (?:con|a|por) {who}"),
        (r"(?:^|(?:por favor|hola|sí|no|y) )?(?:me )?(?:(?:puede|puedes|pueden|podría|podrías|podrían) )?(?:me )?"
        r"(?:p[aá]s[ea]me|pasarme|comun[ií]qu?[ea]me|comunicarme|con[eé]ct[ea]me|conectarme|transfi[eé]r[ea]me|"
        r"transferirme|p[oó]ngame|ponme|ponerme|der[ií]v[ea]me|derivarme)(?: por favor)?(?: en contacto)? (?:con|a) "
        r"{who}"),
        (r"me (?:puede|puedes|pueden|podría|podrías|podrían) (?:pasar|comunicar|conectar|transferir|poner|derivar)"
        r"(?: en contacto)? (?:con|a) {who}"),
        (r"(?<!no )(?:quiero|necesito|exijo|prefiero|quisiera) (?:que me (?:atienda|llame|conteste|responda|ayude) "
        r"(?:{person}|alguien(?: real)?)|{person})(?: (?:por favor|ya|ahora|aquí))*$"),
        r"hay (?:{person}|alguien) (?:con quien|con la que|que me (?:atienda|ayude|pueda)).*",
        r"hay alg(?:una|ún) (?:persona|humano)(?: (?:real|ahí|aquí|de verdad))*$",
        (r"no (?:quiero|me gusta) (?:hablar|chatear|tratar) con (?:una? |este |esta )?"
        r"(?:robot|bot|máquina|ordenador|computadora|ia)"),
    ),
    bare=r"(?:(?:una?|con|hablar|por favor) )*(?:persona(?: real| humana| por favor)|humano|agente|operadora?|"
    r"representante|atención al cliente|con {person}|hablar con {who})(?: (?:por favor|ya|ahora|real|humano))*",
    denial=r"(?:no|nunca|sin|cuándo|a qué hora|si|que)(?: \w+){0,1} $",
)  # fmt: skip

_FR_PERSON = (
    r"(?:(?:une?|le|la|votre|cette) |l')?(?:(?:vraie?|autre) )*(?:personne(?! âgée)|être humain|humaine?|"
    r"agent(?! (?:immobilier|de voyage|d'assurance))|opérateur|opératrice|conseill(?:er|ère)|responsable|"
    r"représentante?|employée?|manager|superviseur)(?: (?:réel(?:le)?|humaine?|physique|en chair et en os))*"
)
FRENCH = Asking(
    who=rf"(?:{_FR_PERSON}|quelqu'un(?: (?:de réel|d'autre|de votre équipe))?|(?:(?:votre|un de vos|l'un de vos) )"
    r"(?:équipe|collègues?|chef)|(?:le |votre )?(?:service clients?|support))",
    person=_FR_PERSON,
    frames=(
        (r"(?:je (?:veux|voudrais|souhaite|souhaiterais|désire|dois|préfère|préférerais|peux|pourrais|aimerais)|"
        r"j'aimerais|j'exige de|j'ai besoin de|nous (?:voulons|voudrions|souhaitons|aimerions)|puis[- ]je|pourrais-je|"
        r"peut-on|est[- ]il possible de|comment (?:puis-je|faire pour)|laissez[- ]moi|possible de)"
        r"(?: (?:svp|bien|vraiment|directement|plutôt|s'il vous plaît))* (?:parler|discuter|échanger|communiquer|"
        r"être mise? en (?:relation|contact)|entrer en contact|écrire|joindre|contacter)(?: directement)?"
        r"(?: (?:à|avec|au))? {who}"),
        (r"(?:^|(?:svp|s'il vous plaît|merci de|pouvez[- ]vous|pourriez[- ]vous|vous pouvez|vous pourriez|veuillez|"
        r"peux[- ]tu|tu peux) )(?:me )?(?:passez?r?|transfér(?:ez|er)|transfère|mett(?:ez|re)|connecte[rz]|"
        r"redirige[rz]|oriente[rz])(?:[- ]moi)?(?: (?:svp|s'il vous plaît))?(?: en (?:relation|contact|ligne))?"
        r"(?: (?:à|avec|vers|au))? {who}"),
        (r"(?:je (?:veux|voudrais|préfère|demande)|il me faut|j'exige) {person}"
        r"(?: (?:svp|s'il vous plaît|maintenant|pas .*))*$"),
        r"(?:y a[- ]t[- ]il|il y a|est-ce qu'il y a) (?:{person}|quelqu'un) (?:à qui|avec qui|qui (?:peut|pourrait)).*",
        r"(?:y a[- ]t[- ]il|il y a|est-ce qu'il y a) (?:une vraie personne|un (?:vrai )?humain)(?: ici| là)*$",
        (r"(?:je )?(?:ne )?(?:veux|voudrais|souhaite) (?:pas|plus) (?:parler|discuter) (?:à|avec) (?:une? |ce |cette )?"
        r"(?:robot|bot|machine|ordinateur|ia)"),
    ),
    bare=r"(?:(?:une?|à|avec|parler|svp) )*(?:vraie personne|personne réelle|humain|agent|opérateur|conseiller|"
    r"représentant|service clients?|(?:à|avec) {person}|parler (?:à|avec) {who})(?: (?:svp|s'il vous plaît|humain))*",
    denial=r"(?:ne|n'|pas|jamais|sans|quand|si|à quelle heure)(?: \w+){0,1} $",
)  # fmt: skip

_DE_PERSON = (
    r"(?:(?:ein(?:e[mnr]?)?|de[mnr]|die|ihre[mnr]?|irgendeine[mnr]?) )?(?:(?:echt|richtig|wirklich|menschlich|"
    r"lebend|real|ander)e[mnr]? )*(?:mensch(?:en)?|person|mitarbeiter(?:in|n)?|berater(?:in)?|kundenberater(?:in)?|"
    r"agenten?|vorgesetzten?|ansprechpartner(?:in)?|sachbearbeiter(?:in)?|kundenbetreuer(?:in)?)"
)
_DE_SPEAK = r"(?:sprechen|reden|schreiben|chatten|telefonieren|verbunden werden|unterhalten)"
_DE_FILL = r"(?: (?:bitte|gerne?|lieber|jetzt|nur|endlich|mal|direkt|doch|einfach|sofort|mich|vielleicht))*"
GERMAN = Asking(
    who=rf"(?:{_DE_PERSON}|(?:irgend)?jemande?[mn]?(?: (?:echte[mn]|anders|anderem|richtigem|vo[nm] \w+))?|"
    r"(?:ihrem |eurem |dem )?(?:team|chef|kundendienst|kundenservice|support)|(?:einem |einer )?kolleg(?:en|in))",
    person=_DE_PERSON,
    frames=(
        r"(?:(?:ich|wir) )?(?:möchten?|moechten?|will|wollen|würden?|wuerden?|muss|kann|könnten?|wünsche)(?: ich| wir)?"
        + _DE_FILL + r" mit {who}(?: (?!nicht)\w+){0,5} " + _DE_SPEAK,
        r"(?:kann|könnte|koennte|darf|können|könnten|dürfte)(?: (?:ich|wir|man))" + _DE_FILL
        + r" mit {who}(?: (?!nicht)\w+){0,5} " + _DE_SPEAK,
        r"(?:^|bitte |ja |nein )(?:verbinden?|stellen?|leiten?|geben?|gib|holen?)(?: sie)? (?:mich|mir|uns)" + _DE_FILL
        + r"(?: (?:mit|zu|an))? {who}",
        r"(?:können|koennen|könnten|koennten|würden|kannst|könntest) (?:sie|du|ihr) (?:mich|mir|uns)" + _DE_FILL
        + r"(?: (?:mit|zu|an))? {who}(?: \w+){0,3} (?:verbinden|durchstellen|weiterleiten|weiterverbinden|geben)",
        r"(?:ich|wir) (?:will|möchte|moechte|brauche|wollen|verlange|hätte gerne?)" + _DE_FILL
        + r" {person}(?: (?:bitte|jetzt|sprechen|haben|am telefon|und kein.*|der .*))*$",
        (r"(?:gibt es|ist)(?: (?:hier|da|dort|auch))* (?:(?:eine?n? )?(?:echte[nr]?|richtige[nr]?) )"
        r"(?:mensch(?:en)?|person|mitarbeiter)(?: (?:hier|da|dran))*$"),
        r"(?:gibt es|ist)(?: (?:hier|da|dort|auch))* (?:{person}|jemanden?)$",
        r"mit dem ich (?:sprechen|reden) kann",
        r"nicht(?: (?:mehr|länger|weiter))* mit (?:eine[mr] |ne[mr] |diese[mr] )?"
        r"(?:bot|chatbot|roboter|maschine|computer|ki) " + _DE_SPEAK,
    ),
    bare=r"(?:(?:bitte|eine[nm]?|mit) )*(?:(?:echten?|richtigen?|echter|richtiger) )?(?:mensch(?:en)?|mitarbeiter(?:in)?|"
    r"echte person|kundenservice|kundendienst|berater|mit {person}|mit {who} " + _DE_SPEAK + r")(?: bitte)*",
    denial=r"(?:nicht|nie|ohne|kein|wann|wenn|falls|dass)(?: \w+){0,1} $",
)  # fmt: skip

_PT_PERSON = (
    r"(?:(?:uma?|[oa]|algum|alguma|sua?|outr[oa]|seu) )?(?:verdadeir[oa] )?(?:pessoa|ser humano|human[oa]|atendente|"
    r"agente(?! (?:imobili|de viage|de segur))|operadora?|representante|assessora?|gerente|supervisora?|responsável|"
    r"funcionári[oa])(?: (?:real|human[oa]|de verdade|de carne e osso))*"
)
PORTUGUESE = Asking(
    who=rf"(?:{_PT_PERSON}|alguém(?: (?:real|de verdade|mais|d[aeo] .*))?|(?:seu|sua|o|a|vossa) "
    r"(?:equipe|equipa|chefe|suporte)|(?:o )?(?:atendimento(?: ao cliente)?|serviço ao cliente|suporte))",
    person=_PT_PERSON,
    frames=(
        (r"(?<!não )(?:quero|queria|gostaria de|preciso(?: de)?|prefiro|preferia|preferiria|desejo|posso|poderia|podemos|"
        r"queremos|precisamos|dá para|dá pra|tem como|como posso|como faço (?:para|pra)|deix[ae][- ]me|deixa eu|exijo|"
        r"possível)(?: (?:por favor|mesmo|logo|então))* (?:falar|conversar|ser atendid[oa]|entrar em conta(?:c)?to|"
        r"tratar|escrever)(?: diretamente)? (?:com|por) {who}"),
        (r"(?:^|(?:por favor|pode|poderia|podes|podia|sim|não) )(?:me )?(?:pass[ae]r?|transfira|transfere|transferir|"
        r"conect[ae]r?|encaminh[ae]r?|coloc[ae]r?|coloque|ponha|cham[ae]r?)(?:-me| me)?(?: por favor)?"
        r"(?: em conta(?:c)?to)?(?: (?:com|para|pra|ao|a))? {who}"),
        r"(?<!não )(?:quero|preciso de|exijo|prefiro) (?:ser atendid[oa] por )?{person}(?: (?:por favor|agora|já))*$",
        r"(?:tem|há|existe) (?:{person}|alguém) (?:com quem|que (?:possa|me)).*",
        r"(?:tem|há|existe) (?:algum(?:a)? |uma? )?(?:pessoa (?:real|de verdade)|humano)(?: (?:aí|aqui))*$",
        r"não quero (?:falar|conversar|tratar) com (?:uma? |este |esse )?(?:robô|robot|bot|máquina|computador|ia)",
    ),
    bare=r"(?:(?:uma?|com|por favor) )*(?:pessoa (?:real|de verdade|por favor)|humano|atendente|operadora?|representante|"
    r"atendimento humano|falar com {who}|com {person})(?: (?:por favor|agora|já|humano))*",
    denial=r"(?:não|nunca|sem|quando|a que horas|se|que)(?: \w+){0,1} $",
)  # fmt: skip

_AR_PERSON = (
    r"(?:ب|ل|لل|بال|ال)?(?:شخص|إنسان|بشر|بشري|موظف|موظفة|موظفين|مندوب|ممثل|مشرف|مدير|مسؤول|مسوول)(?:ا)?"
    r"(?: (?:حقيقي|بشري|آخر|مختص|المبيعات|الدعم|خدمة العملاء))*"
)
_AR_VERB = r"(?:التحدث|التكلم|الكلام|الحديث|التواصل|الدردشة|أتحدث|أتكلم|أكلم|أحكي|أتواصل|أحاكي|نتحدث|نتكلم)"
ARABIC = Asking(
    who=rf"(?:{_AR_PERSON}|(?:ل|ب)?(?:أحد|حد|واحد)(?: .*)?|(?:ل|ب)?(?:خدمة العملاء|الدعم|فريق الدعم|فريقكم|زميلك))",
    person=_AR_PERSON,
    frames=(
        r"(?:أريد|أرغب في|أرغب|أود|أحتاج|أحتاج إلى|أبغى|أبي|عايز|عاوز|عايزة|بدي|محتاج|نريد|ممكن|يمكنني|يمكن|أستطيع|"
        r"أقدر|لو سمحت|من فضلك|أفضل)(?: (?:أن|أنا|من فضلك|لو سمحت|فقط))* "
        + _AR_VERB + r"(?: (?:مباشرة|الآن))? (?:(?:مع|إلى|ل) )?{who}",
        (r"(?:^|من فضلك |لو سمحت |ممكن |أرجو |أريد |أرجوك )(?:أن )?(?:حولني|حولوني|تحولني|تحويلي|وصلني|وصلوني|توصلني|"
        r"أوصلني|توصيلي|أعطني|اعطيني|خلني أكلم|خليني أكلم)(?: (?:من فضلك|لو سمحت))*(?: (?:مع|إلى|على|ل))? {who}"),
        r"(?:أريد|أبغى|عايز|عاوز|أحتاج|أحتاج إلى|بدي) {person}(?: (?:من فضلك|لو سمحت|الآن|وليس .*))*$",
        r"(?:هل )?(?:يوجد|في|فيه|هناك) {who} (?:أستطيع|يمكنني|أقدر|ممكن|أكلمه|أتحدث|أتكلم).*",
        r"لا أريد " + _AR_VERB + r" (?:مع|إلى) (?:روبوت|بوت|آلة|الروبوت|البوت)",
    ),
    bare=r"(?:(?:من فضلك|لو سمحت|أريد) )*(?:موظف|موظف بشري|شخص حقيقي|إنسان|مندوب|خدمة العملاء|"
    + _AR_VERB + r" (?:مع|إلى) {who})(?: (?:من فضلك|لو سمحت))*",
    denial=r"(?:لا|لم|ما|لن|مش|مو|لست|بدون|متى|إذا|قال)(?: \w+){0,1} $",
)  # fmt: skip

ASKING = {
    "en": ENGLISH, "es": SPANISH, "ar": ARABIC, "fr": FRENCH, "de": GERMAN, "pt": PORTUGUESE,
}  # fmt: skip
