"""What callers say to the call itself, in six languages (see ``session.phrases``): say it again, and goodbye.

Each is a whole utterance, courtesies apart: "can you repeat that" is ours to do, "can you repeat my order" is the
model's. Speech comes with few commas, so courtesies stand wherever they like.
"""

from __future__ import annotations

from session.phrases import Phrases

COURTESIES: Phrases = {
    "en": (
        r"please|sorry|i'm sorry|excuse me|ok|okay|oh|uh|um|er|hm+|yes|yeah|no|nope|well|right|and",
        (r"(?:thanks|thank you)(?: (?:a lot|so much|very much|again|for (?:your|the|all your|all the) (?:help|time)))*"),
    ),
    "es": (
        r"por favor|perdón|perdone|perdona|disculpe|disculpa|lo siento|ok|vale|bueno|sí|no|eh|ah|ay|y|muy amable",
        r"(?:muchas |mil )?gracias(?: por (?:su|tu|la|todo|su tiempo|tu tiempo)(?: ayuda)?)?",
    ),
    "ar": (
        r"من فضلك|لو سمحت|لو سمحتي|رجاء|أرجوك|عفوا|آسف|آسفة|المعذرة|معذرة|نعم|لا|طيب|تمام|حسنا|أوكي",
        r"شكرا(?: (?:جزيلا|لك|لكم|كثيرا|على المساعدة))*|يعطيك العافية",
    ),
    "fr": (
        (r"s'il (?:vous|te) plaît|svp|pardon|désolée?|je suis désolée?|excusez[- ]moi|excuse[- ]moi|ok|d'accord|oui|non|euh|"
        r"ah|bon|bien|parfait|et"),
        r"merci(?: (?:beaucoup|bien|à vous|infiniment|pour (?:tout|votre aide|ton aide|l'aide)))*",
    ),
    "de": (
        (r"bitte|entschuldigung|entschuldigen sie|verzeihung|tut mir leid|ok|okay|gut|na gut|alles klar|ja|nein|äh|ähm|ach|"
        r"oh|so|und"),
        (r"(?:danke|(?:vielen|besten|schönen|herzlichen) dank)(?: (?:schön|sehr|ihnen|dir|vielmals|"
        r"für (?:die|ihre|deine) hilfe))*"),
    ),
    "pt": (
        r"por favor|desculpe|desculpa|perdão|ok|tá|tá bom|está bem|bom|sim|não|ah|eh|e|valeu",
        r"(?:muito )?obrigad[oa](?: (?:pela|por) (?:ajuda|sua ajuda|tudo))?",
    ),
}  # fmt: skip

# Said to hear whether somebody is there, before the wish.
GREETINGS: Phrases = {
    "en": (r"hi|hey|hello",), "es": (r"hola|oiga|aló",), "ar": (r"مرحبا|ألو|السلام عليكم",), "fr": (r"bonjour|allô",),
    "de": (r"hallo",), "pt": (r"oi|olá|alô",),
}  # fmt: skip

_EN_YOU = r"(?:(?:can|could|would|will) you )?(?:(?:please|just|kindly|maybe) )*"
_EN_THAT = r"(?:that|it|this|yourself|what you (?:just )?said|the (?:last )?(?:question|answer|part|bit|sentence|thing))"
_EN_AGAIN = r"(?:again|once more|one more time|once again)"
_EN_HOW = (
    r"(?:for me|to me|please|(?:(?:a )?(?:bit|little|little bit) )?(?:more slowly|slower|slowly|louder))"
)
_ES_AGAIN = r"(?:otra vez|de nuevo|una vez más|nuevamente)"
_DE_AGAIN = r"(?:noch ?mal|noch einmal|nochmals)"
_PT_AGAIN = r"(?:de novo|outra vez|mais uma vez|novamente)"

REPEAT: Phrases = {
    "en": (
        rf"{_EN_YOU}repeat(?: {_EN_THAT})?(?: (?:{_EN_AGAIN}|{_EN_HOW}))*",
        rf"{_EN_YOU}say (?:{_EN_THAT} )?{_EN_AGAIN}(?: {_EN_HOW})*",
        rf"{_EN_YOU}(?:come|say) again|{_EN_AGAIN}|say what",
        r"what (?:did you (?:just )?say|was that|were you saying|are you saying)(?: (?:again|just now))*",
        (r"(?:i )?(?:didn't|did not|couldn't|could not|can't|cannot) (?:quite |really |even )*(?:hear|catch|get)"
        r"(?: (?:that|it|you|what you (?:just )?said|the (?:last|first) (?:part|bit)))?(?: (?:very )?well| properly| at all)?"),
        r"(?:i )?missed (?:that|it|what you said|the last (?:part|bit))",
        r"pardon(?: me)?|(?:i )?beg (?:your|you) pardon|huh|what|sorry",
    ),
    "es": (
        (r"(?:(?:me |lo |me lo )?(?:puede|puedes|podría|podrías) )?(?:repetir|repetirme|repetirlo|repetírmelo)"
        r"(?: (?:eso|esto|lo que (?:dijo|dijiste|ha dicho)|la pregunta|la respuesta|lo último))?"
        rf"(?: (?:{_ES_AGAIN}|más (?:despacio|lento|alto)))*"),
        (r"(?:me |lo |me lo )?(?:repita|repite|repites|repítalo|repítelo|repítamelo|repítemelo|repíteme|repítame)"
        rf"(?: (?:eso|lo último|la pregunta|lo que dijo|{_ES_AGAIN}|más (?:despacio|lento|alto)))*"),
        rf"(?:(?:puede|puedes|podría|podrías) )?(?:decirlo|decírmelo|decir eso|dígalo|dilo|dígamelo|dímelo) {_ES_AGAIN}",
        rf"{_ES_AGAIN}",
        r"(?:qué|cómo) (?:dijo|dijiste|ha dicho|has dicho|dice|dices)(?: usted)?|cómo|mande|qué|perdón|disculpe",
        r"no (?:le |te |lo |la )?(?:he )?(?:oí|oído|escuché|escuchado|escucho|oigo)(?: (?:bien|eso|nada|lo que dijo))*",
    ),
    "ar": (
        (r"(?:(?:ممكن|هل يمكنك|هل يمكن|هل ممكن|يمكنك|تقدر|تقدري|بإمكانك) )?(?:أن )?(?:تعيد|تعيدي|تكرر|تكرري|إعادة|تكرار|أعد|"
        r"أعيدي|كرر|كرري|عيد|عيدي|تعيدها|تعيده)(?: (?:ذلك|هذا|ما قلت|ما قلته|الكلام|كلامك|السؤال|الجواب|مرة أخرى|مرة ثانية|"
        r"من جديد))*"),
        r"مرة (?:أخرى|ثانية|تانية)|من جديد",
        r"(?:ماذا|ما الذي|شو|ايش|إيش|وش|ايه) (?:قلت|قلتي|قلتم)|ماذا|شو|ايش|عفوا",
        r"(?:لم|ما) (?:أسمع|أسمعك|سمعت|سمعتك)(?: (?:جيدا|ذلك|شيئا|ما قلت|ما قلته|منيح|كويس))*",
    ),
    "fr": (
        (r"(?:(?:pouvez|pourriez|peux|pourrais)[- ](?:vous|tu) |(?:vous|tu) (?:pouvez|peux|pourriez|pourrais) )?"
        r"(?:me |le |me le )?(?:répéter|redire)(?: (?:ça|cela|ce que (?:vous avez|vous venez de|tu as|tu viens de) (?:dit|dire)|"
        r"(?:la|votre) (?:question|réponse|dernière phrase)|encore une fois|une fois de plus|plus (?:lentement|fort)))*"),
        r"(?:répétez|répète|redites|redis)(?:[- ](?:le|moi|le moi|moi ça))?(?: (?:ça|cela|la question|encore une fois))*",
        r"encore une fois|une fois de plus|comment|pardon|vous disiez|plaît[- ]il|quoi|hein",
        r"(?:qu'est[- ]ce que |qu'|que )(?:vous avez|tu as|avez[- ]vous|as[- ]tu) dit|(?:vous avez|tu as) dit quoi",
        r"je (?:ne )?(?:n'ai|vous ai|t'ai|ai) pas (?:bien |tout )?(?:entendu|saisi)(?: ce que (?:vous avez|tu as) dit)?",
        r"je n'(?:ai rien entendu|entends (?:pas|rien))",
    ),
    "de": (
        (r"(?:(?:können|könnten|würden) sie |(?:kannst|könntest|würdest) du )?(?:mir )?(?:das |es |den satz |die frage |"
        rf"die antwort |das letzte )?(?:bitte )?(?:{_DE_AGAIN} )?(?:bitte )?wiederholen"),
        (r"(?:(?:können|könnten|würden) sie |(?:kannst|könntest|würdest) du )?(?:mir )?(?:das |es )?(?:bitte )?"
        rf"{_DE_AGAIN} (?:bitte )?sagen"),
        (r"(?:wiederhole?|wiederholen sie)(?: (?:bitte|mir|das|es|die frage|den satz|was sie gesagt haben|"
        rf"{_DE_AGAIN}))*"),
        rf"(?:sag|sagen sie)(?: (?:bitte|mir|das|es))* {_DE_AGAIN}",
        rf"(?:bitte )?(?:das )?{_DE_AGAIN}|wie bitte|wie war das(?: {_DE_AGAIN})?|was|hä",
        r"was (?:haben sie|hast du|sagten sie)(?: (?:da|gerade|eben))*(?: gesagt)?",
        (r"(?:das )?(?:ich )?(?:habe? )?(?:ich )?(?:sie |dich |das |es )?(?:(?:leider|akustisch|jetzt) )*nicht (?:richtig |ganz |gut )?"
        r"(?:gehört|akustisch verstanden)|(?:ich )?habe? (?:ich )?(?:sie |dich |das |es )?akustisch nicht (?:richtig |ganz )?"
        r"verstanden"),
    ),
    "pt": (
        (r"(?:(?:pode|poderia|podes|você pode|consegue) )?(?:por favor )?(?:me )?repetir"
        r"(?: (?:isso|isto|o que (?:disse|você disse|falou)|a (?:pergunta|resposta|última parte)|mais (?:devagar|alto)|"
        rf"para mim|{_PT_AGAIN}))*"),
        (r"(?:(?:pode|poderia|podes|você pode) )?(?:por favor )?(?:me )?(?:falar|dizer|fala|fale|diga|diz)(?: (?:isso|isto))? "
        rf"{_PT_AGAIN}"),
        rf"(?:repete|repita|repita-me)(?: (?:isso|isto|para mim|a pergunta|{_PT_AGAIN}))*",
        rf"{_PT_AGAIN}|como|como é|o quê|quê",
        r"(?:o )?que (?:é que )?(?:você |o senhor |a senhora )?(?:disse|falou)|como disse",
        r"(?:eu )?não (?:te |o |lhe )?(?:ouvi|escutei|estou ouvindo|consegui ouvir)(?: (?:bem|direito|isso|nada|você))*",
    ),
}  # fmt: skip

GOODBYE: Phrases = {
    "en": (
        (r"(?:good ?bye|bye|farewell|see you|see ya|talk to you (?:later|soon))(?: (?:bye|then|now|for now|later|soon))*"),
        r"(?:you (?:can|may) |i will |i'll |i'm going to |i am going to |i have to |let's )?hang(?:ing)? up(?: now)?",
    ),
    "es": (
        r"adiós|chao|chau|hasta (?:luego|pronto|la vista|mañana|la próxima)|nos vemos(?: luego)?|bye",
        r"(?:(?:ya )?(?:puede|puedes) |voy a )colgar",
    ),
    "ar": (r"مع السلامة|إلى اللقاء|وداعا|باي|في أمان الله",),
    "fr": (
        r"au revoir|adieu|à (?:bientôt|plus|plus tard|la prochaine|tout à l'heure)|bye|ciao",
        r"(?:vous pouvez |tu peux |je vais )raccrocher|je raccroche",
    ),
    "de": (
        (r"(?:auf )?wieder ?(?:hören|sehen|schauen)|tschüss?i?|tschau|ciao|ade|bye|"
        r"bis (?:dann|bald|später|morgen|zum nächsten mal)"),
        r"(?:sie können |du kannst )auflegen|ich lege (?:jetzt )?auf",
    ),
    "pt": (
        r"tchau|adeus|até (?:logo|mais|breve|a próxima|já|amanhã|depois)|bye",
        r"(?:você )?(?:já )?(?:pode|vou) desligar",
    ),
}  # fmt: skip

# What people say on their way out; alone it ends nothing.
PARTING: Phrases = {
    "en": (
        (r"that(?:'s| is| was| will be|'ll be) (?:all|it|everything)(?: (?:for (?:now|today)|i (?:needed|wanted|need)|then))*|"
        r"that's fine|all good|nothing(?: else)?|i'm (?:fine|good|done|all set)|we're (?:fine|done)|great|perfect|cool|alright|"
        r"all right|fine|then|(?:you )?have a (?:nice|good|great|lovely) (?:day|evening|night|weekend|one|time)|take care|"
        r"good night|cheers|you too|same to you"),
    ),
    "es": (
        (r"(?:eso )?es todo|nada(?: más)?|perfecto|muy bien|está bien|genial|listo|entonces|pues|igualmente|cuídese|cuídate|"
        r"(?:que (?:tenga|tengas|pase|pases) )?(?:un |una )?(?:muy )?(?:buen|buena|buenos|buenas|lindo|feliz) "
        r"(?:día|días|tarde|tardes|noche|noches|fin de semana)"),
    ),
    "ar": (r"هذا كل شيء|هذا كل شي|خلاص|لا شيء آخر|ممتاز|يوم سعيد|طاب يومك|أتمنى لك يوما سعيدا|تصبح على خير|وأنت أيضا",),
    "fr": (
        (r"c'est tout|ce sera tout|rien(?: d'autre)?|très bien|super|alors|voilà|de même|(?:à )?vous aussi|"
        r"(?:passez une |une )?(?:bonne|belle) (?:journée|soirée|nuit|fin de journée)|bon (?:week-end|weekend|après-midi)"),
    ),
    "de": (
        (r"das war(?:'s| es)?(?: (?:alles|schon|dann))*|das wäre(?: dann)? alles|mehr nicht|sonst nichts|nichts(?: mehr)?|super|"
        r"prima|perfekt|passt|dann|also|(?:einen )?schönen? (?:tag|abend|feierabend|nachmittag)(?: (?:noch|ihnen|auch))*|"
        r"schönes wochenende|gute nacht|gleichfalls|ebenso|ihnen auch|machen sie'?s gut|mach'?s gut"),
    ),
    "pt": (
        (r"(?:é|era|isso é|é só|era só)(?: só)? isso(?: mesmo)?|só isso|(?:mais )?nada(?: mais)?|ótimo|perfeito|beleza|então|"
        r"(?:tenha )?(?:um )?(?:bom|ótimo) (?:dia|fim de semana)|(?:tenha )?(?:uma )?boa (?:tarde|noite)|igualmente|"
        r"(?:pra|para) você também"),
    ),
}  # fmt: skip
