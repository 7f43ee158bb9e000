"""How a reply promises that a person will take over, in six languages (see ``session.phrases``).

An offer ("I can connect you", "would you like me to") and a refusal promise nothing. "We will contact the carrier"
and "the driver will call you" are no transfer to our people either.
"""

from __future__ import annotations

from session.phrases import Phrases

_EN_WHO = (
    r"(?:(?:an?|the|our|one of (?:our|my)|my|another|someone|somebody)(?: (?:\w+ )?(?:from|in|on|of) (?:our|the))? )?"
    r"(?:(?:human|real|live|customer|support|service|sales|billing|technical|senior|relevant|appropriate|right) )*"
    r"(?:colleagues?|humans?|persons?|people|agents?(?! fee)|operators?|representatives?|specialists?|managers?|"
    r"supervisors?|experts?|advis[eo]rs?|members?(?: of (?:our|the) (?:staff|team))?|team|staff|department|someone|"
    r"somebody|support|customer service|human being)"
)
_EN_OFFERED = r"(?:^|(?:and|so|then|now|ok|okay|sure|certainly|of course|please|while) )"
_EN_ACT = (
    r"(?:connect|transfer|forward|escalate|pass|hand|put|refer|direct|redirect|relay|route|get|bring)"
    r"(?:ing|ting|ring|red|ed|d)?"
)
_EN_WHAT = (
    r"(?:you|this|it|that|your (?:\w+ )?(?:request|message|case|question|issue|matter|concern|details|feedback|"
    r"conversation|call|complaint|order)|the (?:matter|conversation|case|issue))"
)

_ES_WHO = (
    r"(?:alguien|(?:una?|nuestr[oa]|mi|el|la|algún|alguna|otr[oa]) (?:\w+ )?(?:persona|colega|compañer[oa]|agente|asesora?|"
    r"especialista|representante|human[oa]|equipo|supervisora?|responsable|operadora?|gerente|miembro))"
)
_ES_ACT = r"contactará|llamará|escribirá|responderá|contestará|atenderá|ayudará"
_FR_WHO = (
    r"(?:quelqu'un|l'équipe|(?:une?|notre|mon|ma|(?:l'un|une?) de nos) (?:\w+ )?(?:personne|collègues?|"
    r"conseill(?:er|ère)s?|agents?|humain|équipe|membre|responsable|spécialiste|opérateur))"
)
_DE_WHO = (
    r"(?:jemand|(?:eine?r?|unser|mein|das|de[rn]) (?:.{0,25})?(?:kolleg\w*|mitarbeiter\w*|mensch|team|berater\w*|person|"
    r"kundendienst|support))"
)
_PT_WHO = (
    r"(?:alguém|(?:uma?|nossa?|nosso|meu|minha|[ao]) (?:\w+ )?(?:pessoa|colega|atendente|agente|especialista|humano|"
    r"representante|equipe|equipa|membro|consultora?|responsável|gerente))"
)

PROMISES: Phrases = {
    "en": (
        (rf"(?:i'll|i will|i am|i'm|we'll|we will|we are|we're|let me|allow me to|i have|i've|we have|we've|going to|while i)"
        rf"(?: (?:now|just|gladly|happily|also|already|going to|be|immediately))* {_EN_ACT} {_EN_WHAT}"
        rf"(?: (?:through|over|on|along|up|in touch|straight|directly|now|back|here))* (?:to|with) {_EN_WHO}"),
        (rf"{_EN_OFFERED}(?:transferring|connecting|forwarding|escalating|passing|handing|putting) {_EN_WHAT}"
        rf"(?: (?:over|on|through|now))* (?:to|with) {_EN_WHO}"),
        (rf"(?:i'll|i will|let me|i've|i have|we'll|we will|i'm going to)(?: (?:just|now|already))* (?:ask(?:ed)?|have|get|"
        rf"notif(?:y|ied)|inform(?:ed)?|alert(?:ed)?|call(?:ed)? in|bring in|fetch|tell|told|arranged? for|find|found)"
        rf"(?: for)? {_EN_WHO}(?: (?:to|who|that|will|for|about|and|on|now|reach|call|contact|look|of)(?: .*)?)?"),
        (rf"(?<!nobody from )(?<!no )(?<!if ){_EN_WHO}(?: (?:from|in|on|of|at) (?:our|the) (?:\w+ )*?(?:team|department|"
        r"staff|office|side|company|support))?(?: (?:will|shall|is going to|are going to|'ll)|'ll)"
        r"(?: (?:soon|shortly|now|be|then|also|gladly|personally|happily))* "
        r"(?:contact|call|ring|text|write|message|reach|get (?:back|in touch)|reply|respond|answer|take over|follow up|"
        r"assist|help|join|be with|with you|in touch|contacting|calling|taking|handle|look into|review|speak|talk|"
        r"email|phone)(?: .*)?"),
        (r"(?:you'll|you will|you are going to|you're)(?: (?:soon|shortly|now))* (?:be |being )(?:contacted|called|"
        r"connected|transferred|put through)(?: .*)?"),
        (rf"(?:you'll|you will) (?:soon |shortly )?(?:hear|get an? (?:call|answer|reply|message)|receive an? "
        rf"(?:call|answer|reply|message))(?: (?:back|soon|shortly))* from {_EN_WHO}"),
        (rf"(?:has|have|is|are|was|will) (?:been |being |be )?(?:passed|forwarded|escalated|transferred|handed|sent)"
        rf"(?: (?:on|over|along))* to {_EN_WHO}"),
        (r"(?:we|i|they)(?:'ll| will)(?: (?:then|soon|shortly|also))* (?:call|phone|ring|contact|get back to) you"
        r"(?: (?:back|soon|shortly|today|tomorrow|then|again|(?:in|within|at|on|by|as|when|about|with|during|after) .*))*$"),
        r"(?:someone|somebody) will(?: .*)? (?:you|your (?:case|request|message|matter))(?: .*)?",
        # Nobody named: "I'm transferring you now", "I'll put you through".
        (r"(?:i'll|i will|i am|i'm|let me|we'll|we will|we're|we are|while i)(?: (?:now|just|going to))* "
        r"(?:transfer|connect|put|patch)(?:ring|ing|ting)? (?:you|your call)"
        r"(?: (?:now|over|through|right|away|immediately|straight))*$"),
        r"^(?:(?:now|just|please hold|one moment) )*(?:connecting|transferring) you(?: (?:now|over|through))*$",
        (r"(?:i'll|i will|i'm|i am|i've|i have|we'll|we've|let me)(?: (?:now|just|also|going to))* escalat(?:e|ing|ed) "
        r"(?:this|it|that|(?:your|the|this) (?:\w+ )?(?:case|issue|matter|request|complaint|ticket))"),
        r"(?:i'm|i am|i'll be) (?:handing|passing|transferring|connecting) you (?:over |through |on )?(?:to|with) .+",
        r"(?:we|they)(?:'ll| will)(?: (?:soon|shortly))* be in touch(?: .*)?",
        r"(?:you'll|you will)(?: (?:soon|shortly))* hear (?:back )?from (?:us|them)(?: .*)?",
        r"expect an? (?:call|message|answer|reply) from (?:us|them|our .*)",
        rf"(?<!no ){_EN_WHO} will take it from here",
        rf"{_EN_WHO} (?:has|have) been (?:notified|informed|alerted)(?: .*)?",
    ),
    "es": (
        (r"(?:le|te|lo|la|les) (?:paso|pasaré|voy a pasar|estoy pasando|transfiero|transferiré|voy a transferir|"
        r"estoy transfiriendo|comunico|comunicaré|voy a comunicar|conecto|conectaré|voy a conectar|estoy conectando|"
        r"pongo|pondré|voy a poner|derivo|derivaré|voy a derivar)(?: (?:ahora|ya|en contacto|mismo))* (?:con|a) .+"),
        (r"(?:voy a|permítame|déjeme|procedo a) (?:pasar|transferir|comunicar|conectar|poner|derivar|escalar)(?:le|te|lo|la)?"
        r"(?: .*)? (?:con|a) (?:una?|el|nuestr[oa]|mi|alguien).*"),
        (r"(?:he pasado|he transferido|he escalado|he enviado|he remitido|paso|pasaré|transfiero|escalo|escalaré|enviaré|"
        r"remito) (?:su|tu|el|la|esta|este) (?:\w+ )?(?:mensaje|caso|consulta|solicitud|petición|conversación|pregunta|"
        r"asunto|queja)? ?a (?:una?|el|nuestr[oa]|mi|alguien).*"),
        (rf"{_ES_WHO}(?: .{{0,30}})? (?:le|te|se|lo|la|les) (?:{_ES_ACT}|pondrá en contacto|comunicará|va a (?:contactar|"
        r"llamar|escribir|responder|atender|ayudar))(?: .*)?"),
        rf"(?:le|te|lo|la|les) (?:{_ES_ACT}) {_ES_WHO}(?: .*)?",
        r"(?<!no )(?:le|te) (?:llamaremos|contactaremos|escribiremos)(?: .*)?",
        r"(?:nos pondremos|se pondrán?) en contacto con (?:usted|ustedes|contigo)(?: .*)?",
        r"(?:le|te|les) (?:transfiero|comunico|conecto|derivo|transferiré|comunicaré)(?: (?:ahora|ya|mismo|enseguida))*$",
        r"(?:voy a escalar|escalo|escalaré|he escalado) (?:su|tu|el|la|este|esta) \w+",
        r"he (?:avisado|informado) a (?:una?|nuestr[oa]|mi) .+",
        rf"{_ES_WHO}(?: .{{0,30}})? (?:retomará|tomará|asumirá) .+",
    ),
    "ar": (
        (r"(?:سوف |س)(?:أحولك|أحول|أقوم بتحويلك|أقوم بتحويل|أوصلك|أنقلك|أنقل|نحولك|نحول|نقوم بتحويلك|نوصلك|يتم تحويلك|يتم تحويل|"
        r"أربطك|أصلك)(?: .*)?"),
        (r"(?:سأقوم|سنقوم|جاري|يتم|جار|تم|لقد تم|لقد)(?: الآن)? (?:بتحويلك|تحويلك|بتحويل|تحويل|حولتك|حولت|بإحالة|إحالة) .*"
        r"(?:إلى|الى|ل).*(?:زميل|موظف|شخص|فريق|مندوب|ممثل|مختص|مشرف|مدير|الدعم|خدمة|أحد|مسؤول).*"),
        (r"(?:سوف |س)(?:يتصل|يتواصل|يرد|يكلمك|يراسلك|يجيبك|يساعدك|يخدمك|يتولى)(?: بك| معك| عليك)?(?: .*)?"
        r"(?:زميل|موظف|شخص|فريق|مندوب|ممثل|مختص|مشرف|مدير|أحد|مسؤول)(?:ي|نا|ك|ينا|ا)?(?: .*)?"),
        (r"(?:زميل|موظف|شخص|فريق|مندوب|ممثل|مختص|مشرف|مدير|أحد|مسؤول)(?:ي|نا|ينا|ا)?(?: .{0,30})? (?:سوف |س)"
        r"(?:يتصل|يتواصل|يرد|يكلمك|يراسلك|يجيبك|يساعدك|يتولى)(?: .*)?"),
        r"سيقوم .*(?:زميل|زملائ|موظف|فريق|أحد|مندوب|ممثل|مختص).*(?:بالاتصال|بالتواصل|بالرد|بمساعدتك)(?: .*)?",
        r"(?:سوف |س)(?:نتصل بك|نتواصل معك|نعاود الاتصال بك)(?: .*)?",
        r"^(?:أحولك|أوصلك|أنقلك)(?: الآن)? (?:إلى|الى) .+",
    ),
    "fr": (
        (r"je (?:vous|te) (?:transfère|passe|mets en relation|mets en contact|redirige|connecte|oriente|vais transférer)"
        r"(?: .*)? (?:à|avec|vers|au) (?:une?|notre|mon|ma|l'un|le|quelqu'un|service).*"),
        (r"je (?:vais|m'occupe de|viens de) (?:vous |te )?(?:transférer|passer|mettre|rediriger|connecter|orienter)"
        r"(?: .*)? (?:à|avec|vers|au|en relation|en contact)(?: .*)?"),
        (r"(?:j'ai|je vais|je) (?:transmis|transférer|transmets|transfère|transmettre|escaladé|fait suivre|fais suivre|"
        r"faire suivre|remonté) .*(?:à|au|vers) (?:une?|notre|mon|ma|l'un|l'équipe|le|quelqu'un|service).*"),
        (rf"{_FR_WHO}(?: .{{0,30}})? (?:vous|te|va vous|va te) (?:contactera|appellera|rappellera|écrira|répondra|"
        r"recontactera|aidera|contacter|appeler|rappeler|écrire|répondre|recontacter|aider|prendra en charge|rappelle|"
        r"recontacte)(?: .*)?"),
        rf"{_FR_WHO}(?: .{{0,30}})? (?:prendra|va prendre) (?:contact|le relais|en charge)(?: .*)?",
        rf"{_FR_WHO}(?: .{{0,30}})? (?:va s'occuper|s'occupera|s'occupe) de (?:vous|toi|votre|ta|ton)(?: .*)?",
        r"je (?:vous|te) (?:transfère|connecte|redirige)(?: (?:maintenant|tout de suite|immédiatement))*$",
        r"je (?:transmets|transfère|fais suivre) (?:votre|ta|ton|cette) .* à (?:mes|nos) (?:collègues|équipes).*",
        r"nous (?:vous|te) (?:rappellerons|contacterons|recontacterons|appellerons)(?: .*)?",
        r"vous (?:serez|allez être) (?:contactée?|rappelée?|mise? en relation|transférée?)(?: .*)?",
    ),
    "de": (
        (r"ich (?:verbinde|übergebe|leite|reiche|gebe|stelle|hole)(?: .*)? (?:mit|an|zu|durch|weiter|einen?|unser\w*|"
        r"jemanden)(?: (?:eine[mnr]?|unsere?[nmr]?|meine[mnr]?|de[nmr]|das))?(?: .{0,20})?(?:kolleg\w*|mitarbeiter\w*|"
        r"mensch\w*|team|berater\w*|person|jemande[nm]|kundendienst|kundenservice|support|vorgesetzten|fachabteilung)"
        r"(?: .*)?"),
        (r"ich (?:werde|habe|kümmere)(?: .*)? (?:mit|an|zu) (?:.{0,40})?(?:kolleg\w*|mitarbeiter\w*|mensch\w*|team|"
        r"berater\w*|person|kundendienst|kundenservice|support|vorgesetzten) (?:verbinden|weiterleiten|weitergeleitet|"
        r"übergeben|weitergeben|weitergegeben|durchstellen)"),
        (rf"{_DE_WHO}(?: .{{0,30}})? (?:wird(?: .*)? (?:kontaktieren|anrufen|melden|schreiben|antworten|helfen|übernehmen|"
        r"zurückrufen|kümmern)|(?:meldet|kümmert) sich|ruft (?:sie|dich)|(?:kontaktiert|übernimmt) (?:sie|dich|das|den)|"
        r"(?:antwortet|schreibt|hilft) (?:ihnen|dir))(?: .*)?"),
        (r"(?:wir|es) (?:rufen|melden|wird sich)(?: (?:sie|dich|uns|ein|eine|einer|jemand))*(?! nicht)(?: .*)?"
        r"(?:zurück|an|bei ihnen|bei dir|melden)(?: .*)?"),
        r"sie werden(?: .*)? (?:kontaktiert|zurückgerufen|angerufen|verbunden)",
        r"ich verbinde(?: (?:sie|dich|jetzt|gleich|sofort|nun))*$",
        r"ich (?:leite|stelle|gebe) (?:sie|dich)(?: (?:jetzt|gleich|sofort|nun))* (?:weiter|durch)$",
        rf"{_DE_WHO}(?: .{{0,20}})? (?:übernimmt|meldet sich)(?: (?:jetzt|gleich|sofort|nun|hier|bald))*$",
        r"(?:ein|mein|unser)e?[nr]? (?:kolleg|mitarbeiter)\w* wird (?:ihnen|dir|sie|dich) .+",
        r"ich habe (?:einen?|meinen?|unsere?n?) (?:kolleg|mitarbeiter|team)\w*(?: .*)? (?:informiert|verständigt|benachrichtigt)",
        r"(?:wird|werden) sich(?: .*)? (?:ein|eine|einer|jemand)(?: .*)? (?:bei ihnen|bei dir|melden|kümmern)(?: .*)?",
    ),
    "pt": (
        (r"(?:vou|irei|estou a|estou) (?:te |lhe |o |a )?(?:transferi(?:r|ndo)|passa(?:r|ndo)|encaminha(?:r|ndo)|"
        r"conecta(?:r|ndo)|coloca(?:r|ndo)|direciona(?:r|ndo)|liga(?:r|ndo)|escala(?:r|ndo))(?:-lo|-la|-lhe|-te)?(?: .*)? "
        r"(?:para|com|a|ao|à|pra|em contato) ?(?:uma?|nossa?|o|a|meu|minha|alguém|equipe|equipa|colega|setor|com)(?: .*)?"),
        (r"(?:já )?(?:encaminhei|transferi|passei|encaminho|transfiro|passo) (?:.{0,40})?(?:para|a|ao|à|pra) "
        r"(?:uma?|nossa?|o|a|meu|minha|alguém|equipe|equipa).*"),
        (rf"{_PT_WHO}(?: .{{0,30}})? (?:vai|irá)(?: (?:te|lhe|entrar|o|a|em))*(?: (?:ligar|contatar|contactar|responder|"
        r"atender|ajudar|falar|contato|contacto|assumir|escrever))+(?: .*)?"),
        (rf"{_PT_WHO}(?: .{{0,30}})? (?:ligará|responderá|contatará|contactará|atenderá|entrará em conta(?:c)?to|assumirá)"
        r"(?: .*)?"),
        (r"(?:vamos|iremos) (?:te |lhe )?(?:ligar|contatar|contactar|entrar em conta(?:c)?to)(?:-lhe)? ?(?:com você|para "
        r"você|consigo)?(?: em breve| .*)?"),
        r"(?:entraremos|ligaremos|entrarão) (?:em conta(?:c)?to|para você)(?: .*)?",
        r"(?:você )?será (?:contatad[oa]|contactad[oa]|transferid[oa]|atendid[oa] por)(?: .*)?",
        r"(?:vou|irei) (?:te |lhe )?(?:transferir|conectar)(?:-lo|-la)?(?: (?:você|agora|já|aqui))*$",
        r"(?:vou|irei) chamar (?:uma?|nossa?|meu|minha|alguém)(?: .*)?",
        r"(?:avisei|informei|chamei) (?:uma?|nossa?|o|a|meu|minha) (?:colega|atendente|equipe|equipa|supervisora?)(?: .*)?",
    ),
}  # fmt: skip

# A clause with one of these promises nothing: refused, offered, or asked.
NO_PROMISE: Phrases = {
    "en": (
        (r"(?:can't|cannot|can not|won't|will not|unable|not able|couldn't|don't|do not|doesn't|never|nobody|no one|"
        r"not|without|would you like|do you want|shall i|should i|may i|want me to|like me to|if|you can|you could|unless|"
        r"prefer|whether|last (?:week|month|year)|yesterday)"),
    ),
    "es": (r"(?:no|nadie|nunca|ningun|ninguna|quiere que|quieres que|si|desea que|le gustaría|puedo|podría|prefiere)",),
    "ar": (r"(?:لا|لن|لم|ليس|هل|إذا|لو|إن|تريدني|بإمكاني|أستطيع|يمكنني)",),
    "fr": (
        (r"(?:ne|n'\w*|pas|personne ne|jamais|aucune?|voulez[- ]vous|souhaitez[- ]vous|veux[- ]tu|si|peux|pourrais|"
        r"puis[- ]je|préférez[- ]vous)"),
    ),
    "de": (
        (r"(?:nicht|nie|niemals|niemand|kein\w*|möchten sie|soll ich|wollen sie|möchtest du|wenn|falls|ob|kann|könnte|"
        r"leider)"),
    ),
    "pt": (r"(?:não|ninguém|nunca|nenhuma?|quer que|gostaria|se|deseja que|posso|poderia|prefere)",),
}  # fmt: skip
