"""What Ringback itself says on the telephone, in six languages. Spoken, so a number in figures or a link stands in none."""

from __future__ import annotations

from collections.abc import Mapping

VOICE_NOTICES: Mapping[str, Mapping[str, str]] = {
    # The first question of a call. An agent's own words for it stand in [voice] greeting.
    "voice_greeting": {
        "en": "You are speaking with our automatic assistant. How can I help you?",
        "es": "Le atiende nuestro asistente automático. ¿En qué puedo ayudarle?",
        "ar": "أنا المساعد الآلي. كيف يمكنني مساعدتك؟",
        "fr": "Vous parlez à notre assistant automatique. Que puis-je faire pour vous ?",
        "de": "Hier ist unser automatischer Assistent. Wie kann ich Ihnen helfen?",
        "pt": "Fala o nosso assistente automático. Em que posso ajudar?",
    },
    # Before it: to whom we do not know, and to a customer whom we know.
    "voice_hello": {
        "en": "Hello.",
        "es": "Hola.",
        "ar": "مرحبا.",
        "fr": "Bonjour.",
        "de": "Guten Tag.",
        "pt": "Olá.",
    },
    "voice_back": {
        "en": "Welcome back.",
        "es": "Hola de nuevo.",
        "ar": "أهلا بعودتك.",
        "fr": "Heureux de vous entendre à nouveau.",
        "de": "Schön, dass Sie wieder anrufen.",
        "pt": "Olá de novo.",
    },
    # Said at once while the answer is thought of; one of the three in turn.
    "voice_hold": {
        "en": "One moment, please.",
        "es": "Un momento, por favor.",
        "ar": "لحظة من فضلك.",
        "fr": "Un instant, s'il vous plaît.",
        "de": "Einen Moment, bitte.",
        "pt": "Um momento, por favor.",
    },
    "voice_hold_2": {
        "en": "Let me see.",
        "es": "Déjeme ver.",
        "ar": "دعني أرى.",
        "fr": "Laissez-moi regarder.",
        "de": "Ich sehe nach.",
        "pt": "Deixe-me ver.",
    },
    "voice_hold_3": {
        "en": "All right, just a second.",
        "es": "De acuerdo, un segundo.",
        "ar": "حسنا، ثانية واحدة.",
        "fr": "D'accord, une seconde.",
        "de": "In Ordnung, eine Sekunde.",
        "pt": "Certo, só mais um segundo, por favor.",
    },
    # Every so often while it takes longer.
    "voice_still": {
        "en": "I am still looking, please stay on the line.",
        "es": "Sigo buscando, no cuelgue, por favor.",
        "ar": "ما زلت أبحث، ابق على الخط من فضلك.",
        "fr": "Je cherche encore, restez en ligne s'il vous plaît.",
        "de": "Ich suche noch, bitte bleiben Sie in der Leitung.",
        "pt": "Ainda estou a procurar, não desligue, por favor.",
    },
    # Nothing was heard: the question is open still.
    "voice_unheard": {
        "en": "I did not hear anything. Are you still there?",
        "es": "No he oído nada. ¿Sigue usted ahí?",
        "ar": "لم أسمع شيئا. هل ما زلت معي؟",
        "fr": "Je n'ai rien entendu. Êtes-vous toujours là ?",
        "de": "Ich habe nichts gehört. Sind Sie noch da?",
        "pt": "Não ouvi nada. Ainda está aí?",
    },
    # Something was heard, too badly to be sure.
    "voice_unsure": {
        "en": "Sorry, I did not catch that. Could you say it again, please?",
        "es": "Perdone, no lo he entendido bien. ¿Puede repetirlo, por favor?",
        "ar": "عذرا، لم أفهم ذلك جيدا. هل يمكنك أن تعيده من فضلك؟",
        "fr": "Pardon, je n'ai pas bien compris. Pouvez-vous répéter, s'il vous plaît ?",
        "de": "Entschuldigung, das habe ich nicht verstanden. Können Sie es bitte noch einmal sagen?",
        "pt": "Desculpe, não percebi bem. Pode repetir, por favor?",
    },
    "voice_goodbye": {
        "en": "Thank you for calling. Goodbye.",
        "es": "Gracias por llamar. Adiós.",
        "ar": "شكرا لاتصالك. مع السلامة.",
        "fr": "Merci de votre appel. Au revoir.",
        "de": "Danke für Ihren Anruf. Auf Wiederhören.",
        "pt": "Obrigado por ligar. Adeus.",
    },
    # The answer did not come in time; the caller may go on speaking.
    "voice_too_long": {
        "en": "This takes longer than usual. Can I do anything else for you in the meantime?",
        "es": "Esto tarda más de lo normal. ¿Puedo hacer algo más por usted mientras tanto?",
        "ar": "يستغرق هذا وقتا أطول من المعتاد. هل يمكنني مساعدتك في شيء آخر في هذه الأثناء؟",
        "fr": "Cela prend plus de temps que d'habitude. Puis-je faire autre chose pour vous en attendant ?",
        "de": "Das dauert länger als sonst. Kann ich inzwischen noch etwas für Sie tun?",
        "pt": "Isto demora mais do que o normal. Posso ajudar em mais alguma coisa entretanto?",
    },
    # The assistant is not to answer: a person has the conversation, or it is switched off.
    "voice_noted": {
        "en": "I have noted what you said. A person of our team will see it. Goodbye.",
        "es": "He anotado lo que ha dicho. Una persona de nuestro equipo lo verá. Adiós.",
        "ar": "لقد سجلت ما قلته. سيطلع عليه أحد موظفينا. مع السلامة.",
        "fr": "J'ai noté ce que vous avez dit. Une personne de notre équipe le verra. Au revoir.",
        "de": "Ich habe notiert, was Sie gesagt haben. Ein Mensch aus unserem Team sieht es sich an. Auf Wiederhören.",
        "pt": "Anotei o que disse. Uma pessoa da nossa equipa vai ver. Adeus.",
    },
    # A person is called now.
    "voice_transfer": {
        "en": "I am putting you through to a person of our team. Please hold.",
        "es": "Le paso con una persona de nuestro equipo. No cuelgue, por favor.",
        "ar": "سأحولك الآن إلى أحد موظفينا. يرجى الانتظار.",
        "fr": "Je vous passe une personne de notre équipe. Restez en ligne, s'il vous plaît.",
        "de": "Ich verbinde Sie mit einem Menschen aus unserem Team. Bitte bleiben Sie dran.",
        "pt": "Vou passar a chamada a uma pessoa da nossa equipa. Aguarde, por favor.",
    },
    # A person is asked, but none can be called now.
    "voice_call_back": {
        "en": "I have passed this on to a person of our team, who will get back to you. Goodbye.",
        "es": "He pasado su mensaje a una persona de nuestro equipo, que se pondrá en contacto con usted. Adiós.",
        "ar": "لقد حولت طلبك إلى أحد موظفينا، وسيتواصل معك. مع السلامة.",
        "fr": "J'ai transmis votre demande à une personne de notre équipe, qui vous recontactera. Au revoir.",
        "de": "Ich habe das an einen Menschen aus unserem Team weitergegeben, der sich bei Ihnen meldet. Auf Wiederhören.",
        "pt": "Passei o seu pedido a uma pessoa da nossa equipa, que vai entrar em contacto. Adeus.",
    },
    "voice_call_back_closed": {
        "en": "I have passed this on to our team. They are back {opens} and will get back to you then. Goodbye.",
        "es": "He pasado su mensaje a nuestro equipo. Vuelve {opens} y se pondrá en contacto con usted. Adiós.",
        "ar": "لقد حولت طلبك إلى فريقنا. سيعود {opens} ويتواصل معك. مع السلامة.",
        "fr": "J'ai transmis votre demande à notre équipe. Elle revient {opens} et vous recontactera. Au revoir.",
        "de": "Ich habe das an unser Team weitergegeben. Es ist {opens} wieder da und meldet sich dann. Auf Wiederhören.",
        "pt": "Passei o seu pedido à nossa equipa. Ela volta {opens} e vai entrar em contacto. Adeus.",
    },
    # A person was called and nobody took the call.
    "voice_no_answer": {
        "en": "Nobody could take your call just now. We will get back to you. Goodbye.",
        "es": "Ahora nadie ha podido atender su llamada. Nos pondremos en contacto con usted. Adiós.",
        "ar": "لم يتمكن أحد من الرد على مكالمتك الآن. سنتواصل معك. مع السلامة.",
        "fr": "Personne n'a pu prendre votre appel. Nous vous recontacterons. Au revoir.",
        "de": "Gerade konnte niemand Ihren Anruf annehmen. Wir melden uns bei Ihnen. Auf Wiederhören.",
        "pt": "Ninguém pôde atender a sua chamada agora. Vamos entrar em contacto. Adeus.",
    },
    # The model is away.
    "voice_away": {
        "en": "Sorry, I cannot answer just now. A person of our team will look at it. Goodbye.",
        "es": "Lo siento, ahora no puedo responder. Una persona de nuestro equipo lo verá. Adiós.",
        "ar": "عذرا، لا أستطيع الرد الآن. سيطلع أحد موظفينا على طلبك. مع السلامة.",
        "fr": "Désolé, je ne peux pas répondre pour le moment. Une personne de notre équipe s'en occupera. Au revoir.",
        "de": "Entschuldigung, ich kann gerade nicht antworten. Ein Mensch aus unserem Team sieht es sich an. Auf Wiederhören.",
        "pt": "Desculpe, não consigo responder agora. Uma pessoa da nossa equipa vai ver. Adeus.",
    },
    # A limit is reached: of the day, or of the call.
    "voice_enough": {
        "en": "That is all I can do on the telephone for now. Goodbye.",
        "es": "Por ahora no puedo hacer más por teléfono. Adiós.",
        "ar": "هذا كل ما يمكنني فعله عبر الهاتف الآن. مع السلامة.",
        "fr": "C'est tout ce que je peux faire par téléphone pour le moment. Au revoir.",
        "de": "Mehr kann ich am Telefon gerade nicht tun. Auf Wiederhören.",
        "pt": "Por agora não posso fazer mais por telefone. Adeus.",
    },
}  # fmt: skip

HOLDS = ("voice_hold", "voice_hold_2", "voice_hold_3")  # said in turn
