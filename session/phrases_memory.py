"""How customers ask what is known of them, and to forget it, in six languages (see ``session.phrases``)."""

from __future__ import annotations

from session.phrases import Phrases

_EN_DATA = r"(?:data|info|information|details|records?)"

WHAT_IS_KNOWN: Phrases = {
    "en": (
        (r"what (?:exactly |else |all )?(?:do|did|have|does) (?:you|your company|this bot) (?:already |actually |still )?"
        r"(?:know|remember|learn|learned|store|stored|save|saved|keep|kept|got|have|hold) (?:down )?(?:about|on|of) "
        r"(?:me|us|myself)"),
        (rf"what (?:personal |kind of |of my )?{_EN_DATA} (?:do|have|does) (?:you|your company) "
        r"(?:have|hold|keep|store|stored|kept|saved|got|collect)(?: (?:about|on|of|from) (?:me|us))?"),
        (rf"(?:show|tell|give|send) me (?:all |everything |what )?(?:(?:of )?(?:my|the) (?:stored |personal |saved )?"
        rf"{_EN_DATA}(?: (?:you have|about me|on me))+|you (?:know|remember|have|stored) (?:about|on|of) me)"),
        r"(?:do|can) you (?:still )?remember (?:anything about )?me",
        r"what('s| is) (?:stored|saved|known|on record) (?:about|on) me",
    ),
    "es": (
        (r"qué (?:es lo que )?(?:sabe|sabes|saben|recuerda|recuerdas|recuerdan|conoce|conoces|tiene|tienes|tienen)"
        r"(?: (?:guardado|usted|ya))* (?:de|sobre|acerca de) (?:mí|nosotros)(?! (?!por favor)\w+)"),
        (r"qué (?:datos|información)(?: personales| personal)? (?:tiene|tienes|tienen|guarda|guardas|guardan)"
        r"(?: (?:guardados?|guardada))? (?:míos?|mía|de mí|sobre mí)"),
        r"(?:qué )?(?:te acuerdas|se acuerda) de mí",
        r"(?:muéstrame|muéstreme|dime|dígame) (?:todo )?lo que (?:sabes?|tienes?|recuerdas?) (?:de|sobre) mí",
    ),
    "ar": (
        r"(?:ماذا|ما الذي|ما|شو|ايش|إيش|وش) (?:كل ما )?(?:تعرف|تعرفون|تتذكر|تتذكرون|تعلم|تعلمون|تحفظ) (?:عني|عنا)",
        r"(?:ما|ما هي) (?:المعلومات|البيانات) (?:التي )?(?:لديك|لديكم|عندك|عندكم|تحفظها|تحفظونها|تخزنونها) ?(?:عني)",
        r"(?:هل )?(?:تتذكرني|تذكرني|تعرفني)",
        r"(?:أخبرني|قل لي) (?:كل )?(?:ما|ماذا) تعرف(?:ه)? عني",
    ),
    "fr": (
        (r"(?:que|qu'est[- ]ce que|qu'est ce que|quoi) ?(?:vous |tu )?(?:savez|sais|connaissez|connais|avez|as|retenez|"
        r"retiens|gardez)(?:[- ](?:vous|tu))?(?: (?:retenu|enregistré|gardé|en mémoire))* (?:sur|de|à propos de) "
        r"(?:moi|nous)"),
        r"qu'(?:avez-vous|as-tu) (?:retenu|enregistré|gardé|noté|mémorisé) (?:sur|de) moi",
        r"(?:vous savez|tu sais) quoi (?:sur|de) moi",
        (r"quelles (?:données|informations|infos)(?: personnelles)? (?:avez[- ]vous|as[- ]tu|vous avez|conservez[- ]vous|"
        r"gardez[- ]vous)(?: (?:enregistrées|gardées))? (?:sur|de) moi"),
        r"(?:vous souvenez[- ]vous|te souviens[- ]tu|tu te souviens|vous vous souvenez) de moi",
    ),
    "de": (
        (r"was (?:alles )?(?:wissen|weißt|weiss|speichern|speicherst|haben|hast|merken|kennen) (?:sie|du|ihr)(?: "
        r"(?:eigentlich|alles|so|schon|sich|dir))* (?:über|ueber|von) (?:mich|mir|uns)(?: (?:gespeichert|gemerkt))?"),
        (r"welche (?:persönlichen )?(?:daten|informationen) (?:haben|speichern|hast|speicherst) (?:sie|du|ihr) "
        r"(?:über|ueber|von) (?:mich|mir)(?: gespeichert)?"),
        r"was ist über mich (?:gespeichert|bekannt)",
        r"(?:erinnern sie sich|erinnerst du dich) (?:noch )?an mich",
    ),
    "pt": (
        (r"(?:o )?que (?:é que )?(?:você |vocês |o senhor )?(?:já )?(?:sabe|sabes|sabem|lembra|lembram|conhece|tem|têm|"
        r"guarda|guardam)(?: (?:guardado|você|vocês|salvo))* (?:de|sobre|a respeito de) (?:mim|nós)"),
        (r"(?:quais|que) (?:dados|informações)(?: pessoais)? (?:meus )?(?:você |vocês )?(?:tem|têm|guarda|guardam|possui|"
        r"possuem)(?: (?:guardados|guardadas))?(?: (?:sobre|de) mim| meus)"),
        r"(?:você )?(?:se lembra|lembra-se|lembras-te|lembra) de mim",
        r"(?:me diga|diga-me|mostre) (?:tudo )?o que (?:você )?sabe (?:sobre|de) mim",
    ),
}  # fmt: skip

_EN_PLEASE = (
    r"(?:(?:please|ok|okay|now|then|can you|could you|would you|will you|you can|you should|just|kindly|"
    r"i want you to|i would like you to|i'd like you to) )*"
)

# Each must begin a clause, or the customer tells of something ("I forgot that").
FORGET_ALL: Phrases = {
    "en": (
        _EN_PLEASE + r"(?:forget|erase|delete|remove|wipe|clear) (?:about )?(?:everything|all)(?: of)?(?: (?:that )?"
        r"(?:you|i|we) .*| about me.*| (?:my|the) (?:data|info|information|details|history|memory).*)?(?: please| now)*$",
        _EN_PLEASE + r"(?:erase|delete|remove|wipe|clear) (?:all )?(?:of )?(?:my (?:personal |stored |saved )?"
        r"(?:data|info|information|details|memory|records?)|(?:the |any )?(?:data|information) (?:about|on) me|"
        r"(?:what|anything) you (?:know|have|remember|stored) (?:about|on) me)(?: .*)?$",
        _EN_PLEASE + r"forget (?:about )?(?:me|who i am|(?:what|anything) you (?:know|remember|learned) about me|"
        r"(?:my|all my) (?:personal )?data)(?: (?:please|now|completely))*$",
    ),
    "es": (
        (r"(?:(?:por favor|puede|puedes|podría|podrías|quiero que) )*(?:olvide|olvida|olvídese de|olvídate de|olvidar|"
        r"olvides|borre|borra|borrar|borres|elimine|elimina|eliminar|elimines|suprima) (?:todo|todos)"
        r"(?: (?:lo que .*|sobre mí|mis datos|de mí))?(?: por favor)?$"),
        (r"(?:(?:por favor|puede|puedes|podría|podrías|quiero que) )*(?:borre|borra|borrar|borres|elimine|elimina|"
        r"eliminar|elimines|suprima|olvide|olvida) (?:(?:todos )?mis datos|(?:toda )?mi información|lo que "
        r"(?:sabes?|saben) (?:de|sobre) mí)(?: .*)?$"),
        r"(?:por favor )?(?:olvídame|olvídeme|olvídate de mí|olvídese de mí)(?: por favor)?$",
    ),
    "ar": (
        (r"(?:(?:من فضلك|لو سمحت|أرجوك|أرجو|أريد|أريدك|أن) )*(?:انس|انسى|تنسى|احذف|امسح|تحذف|تمسح|حذف|مسح|احذفوا|امسحوا) "
        r"(?:كل شيء|كل شي|كل ما .*|جميع .*|كل .*(?:عني|بياناتي|معلوماتي)|بياناتي|معلوماتي|ما تعرفه عني)(?: .*)?$"),
        r"(?:من فضلك )?(?:انسني|انساني)(?: .*)?$",
    ),
    "fr": (
        (r"(?:(?:s'il vous plaît|svp|pouvez[- ]vous|pourriez[- ]vous|peux[- ]tu|veuillez|je veux que vous|merci de) )*"
        r"(?:tout )?(?:oublie[rz]?|efface[rz]?|supprime[rz]?) (?:tout|toutes)(?: (?:ce que .*|ce qui .*|sur moi|mes "
        r"(?:données|informations).*))?(?: (?:s'il vous plaît|svp))?$"),
        (r"(?:(?:s'il vous plaît|svp|pouvez[- ]vous|pourriez[- ]vous|peux[- ]tu|veuillez|merci de) )*(?:oublie[rz]?|"
        r"efface[rz]?|supprime[rz]?) (?:mes (?:données|informations)|ce que (?:vous savez|tu sais) (?:sur|de) moi)"
        r"(?: .*)?$"),
        r"(?:oublie|oubliez)[- ]moi(?: .*)?$",
    ),
    "de": (
        (r"(?:bitte )?(?:vergiss|vergessen sie|lösche?|löschen sie|loesche?|loeschen sie|löscht)(?: bitte)? (?:alles|alle)"
        r"(?: (?:was .*|über mich.*|von mir.*|meine .*|daten .*))?(?: bitte)?$"),
        (r"(?:bitte )?(?:vergiss|vergessen sie|lösche?|löschen sie|loesche?|loeschen sie|löscht)(?: bitte)? (?:meine "
        r"(?:persönlichen )?(?:daten|informationen|angaben)|was (?:du|sie|ihr) über mich .*|mich)(?: bitte)?$"),
        (r"(?:können|könnten|kannst|könntest) (?:sie|du|ihr) (?:bitte )?(?:alles|(?:alle )?meine (?:daten|angaben))"
        r"(?: .*)? (?:löschen|vergessen)$"),
        r"ich (?:möchte|will) dass (?:sie|du|ihr) (?:alles|meine daten)(?: .*)? (?:löschen|löschst|vergessen|vergisst)$",
    ),
    "pt": (
        (r"(?:(?:por favor|pode|poderia|podes|quero que) )*(?:esqueça|esquece|esquecer|apague|apaga|apagar|exclua|exclui|"
        r"excluir|delete|deletar|elimine) (?:tudo|todos)(?: (?:o que .*|sobre mim|(?:os )?meus dados))?(?: por favor)?$"),
        (r"(?:(?:por favor|pode|poderia|podes|quero que) )*(?:esqueça|esquece|apague|apaga|apagar|exclua|excluir|delete|"
        r"deletar|elimine) (?:os |todos os )?(?:meus dados|as minhas informações|minhas informações|o que (?:você )?sabe "
        r"(?:sobre|de) mim)(?: .*)?$"),
        r"(?:por favor )?(?:esqueça-me|me esqueça|esquece-me)(?: .*)?$",
    ),
}  # fmt: skip

# What was said last, and nothing after it: "forget that, I'll take the blue one" is no wish. What a customer names
# ("forget my address") is not here, for the model can tell which item is meant.
FORGET_THAT: Phrases = {
    "en": (
        (_EN_PLEASE + r"(?:forget|erase|unlearn|don't remember|do not remember|stop remembering) (?:that|this|"
        r"what (?:i|we) (?:just |have just )?(?:said|told you|wrote|mentioned)(?: (?:now|before|last))*|"
        r"(?:that |the )?last (?:one|thing|message|part|bit)(?: i (?:said|told you|wrote))?)"
        r"(?: (?:please|again|now|thanks|pls))*$"),
    ),
    "es": (
        (r"(?:(?:por favor|puede|puedes) )*(?:olvida|olvide|olvidar|borra|borre|borrar|olvídate de|olvídese de) (?:eso|"
        r"esto|lo que (?:te |le |les )?(?:dije|he dicho|acabo de decir|conté)|lo último(?: que .*)?)(?: por favor)?$"),
    ),
    "ar": (
        (r"(?:(?:من فضلك|لو سمحت) )*(?:انس|انسى|احذف|امسح) (?:ذلك|هذا|هذه المعلومة|ما قلته(?: لك)?|ما قلت(?: لك)?|"
        r"آخر (?:رسالة|شيء|معلومة)(?: .*)?)(?: (?:من فضلك|لو سمحت))*$"),
    ),
    "fr": (
        (r"(?:(?:s'il vous plaît|svp|pouvez[- ]vous|peux[- ]tu|veuillez) )*(?:oublie[rz]?|efface[rz]?) (?:ça|cela|ceci|"
        r"ce que (?:j'ai dit|je viens de dire|je (?:t'ai|vous ai) dit))(?: (?:s'il (?:te|vous) plaît|svp))?$"),
    ),
    "de": (
        (r"(?:bitte )?(?:vergiss|vergessen sie|lösche?|löschen sie)(?: bitte)? (?:das|dies|was ich (?:gerade |eben )?"
        r"(?:gesagt|geschrieben) habe|das letzte)(?: (?:bitte|wieder))*$"),
    ),
    "pt": (
        (r"(?:(?:por favor|pode|podes) )*(?:esqueça|esquece|apague|apaga|esquecer) (?:isso|isto|o que (?:eu )?(?:disse|"
        r"acabei de dizer|falei))(?: por favor)?$"),
    ),
}  # fmt: skip
