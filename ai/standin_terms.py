"""The words by which six languages name kinds of trouble, properties, payments and hurry; patterns, tried in order."""

from __future__ import annotations

# Kind of trouble and how a customer words it. What is told apart by less stands first.
ISSUES: tuple[tuple[str, str], ...] = (
    (
        "legal",
        r"\b(lawyer|attorney|legal action|sue you|abogad[oa]|avocat|anwalt|rechtsanwalt|advogad[oa])\b|محامي?\b",
    ),
    (
        "wrong_item",
        (
            r"wrong (item|product|size|colou?r|one|order)|not what i ordered|equivocad[oa]|mauvais (article|produit)"
            r"|falsche[rns]? (artikel|produkt|größe|farbe|ware)|(produto|item) errado|(منتج|طلب) (خطأ|خاطئ)"
        ),
    ),
    (
        "damaged_item",
        (
            r"\b(damaged|broken|cracked|defective|faulty|(doesn'?t|does not) work|dañad[oa]|rot[oa]s?|endommagée?|cassée?"
            r"|beschädigt\w*|kaputt|defekt\w*|danificad[oa]|quebrad[oa])\b|مكسور|تالف"
        ),
    ),
    ("missing_item", r"\b(missing|incomplete|falta(n|ndo)?|manque|fehlt|fehlen|incomplet[oae]?)\b|ناقص"),
    (
        "refund",
        r"\b(refund|money back|reembolso|remboursement|remboursée?|rückerstattung|geld zurück)\b|استرداد|استرجاع",
    ),
    (
        "return",
        (
            r"\b(return|send (it|them) back|exchange|devolver|devolución|devolução|retourner|zurück(schicken|senden|geben))\b"
            r"|إرجاع"
        ),
    ),
    ("cancellation", r"\b(cancel|annul(er|ée?)|stornier)|إلغاء"),
    (
        "billing",
        (
            r"\b(charged|invoice|billing|double charge|overcharged|payment|factura|facture|rechnung|fatura|cobrad[oa]"
            r"|pagamento|paiement|zahlung)\b|فاتورة"
        ),
    ),
    (
        "shipping_delay",
        (
            r"(\b(do|does|did|is|was|has|have|had|are|were)n'?t|\bnot|\bnever|\byet to)\b.{0,20}\b(shipp?(ed)?|arrived?|come|delivered|received?|got|get|here)\b"
            r"|\b(late|delay(ed)?|overdue|stuck)\b|\b(shipping|delivery) (issue|problem|trouble)"
            r"|\b(issue|problem|trouble) with (the |my )?(shipping|delivery)\b"
            r"|where('?s| is| are)\b.{0,20}\b(order|package|parcel|delivery|stuff)\b"
            r"|\bno (me )?(ha|han) (llegado|sido enviad|salido)|\bno llega|retras|dónde está"
            r"|\b(pas|jamais) (encore )?(été )?(arrivée?|expédiée?|reçue?|livrée?|envoyée?)|en retard|\boù (est|se trouve)\b"
            r"|\b(nicht|nie) (angekommen|versandt|verschickt|geliefert|erhalten|da)\b|verspät|\bwo (ist|bleibt)\b"
            r"|\bnão (chegou|foi enviad|recebi)|atrasad|onde está"
            r"|(لم|ما) (يصل|تصل|يصلني|يتم شحن|يشحن|تشحن|أستلم|وصل)|تأخر|متأخر|أين|وين طلب"
        ),
    ),
)

TERMS: dict[str, tuple[tuple[str, str], ...]] = {
    "property": (
        (
            "apartment",
            r"\b(apartments?|flats?|condos?|apartamentos?|pisos?|departamentos?|appartements?|wohnung(en)?)\b|شقة|شقق",
        ),
        ("villa", r"\b(villas?|villen|chalets?)\b|فيلا|فلل"),
        ("townhouse", r"\b(town ?houses?|reihenh[aä]us(er)?|adosad[oa]s?)\b|تاون ?هاوس"),
        ("penthouse", r"\b(penthouses?|áticos?)\b|بنتهاوس"),
        ("studio", r"\b(studios?|estudios?|estúdios?)\b|ستوديو|استوديو"),
        ("house", r"\b(house|home|casas?|maisons?|haus|häuser)\b|بيت|منزل"),
        ("office", r"\b(offices?|oficinas?|bureaux?|büros?|escritórios?)\b|مكتب"),
        ("land", r"\b(land|plots?|terrenos?|terrains?|grundstücke?)\b|أرض"),
    ),
    "payment": (
        (
            "installments",
            r"\b(inst[ae]ll?ments?|payment plan|cuotas|a plazos|versements?|raten|parcelas)\b|تقسيط|أقساط|اقساط",
        ),
        (
            "mortgage",
            r"\b(mortgage|home loan|hipoteca|hypothèque|prêt|hypothek|kredit|financiamento)\b|رهن|تمويل",
        ),
        (
            "bank_transfer",
            r"\b((bank|wire) transfer|transferencia|virement|überweisung|transferência)\b|تحويل",
        ),
        ("card", r"\b((by|credit|debit) card|tarjeta|carte|karte|cartão)\b|بطاقة"),
        ("cash", r"\b(cash|efectivo|al contado|comptant|espèces|bar|barzahlung|à vista|dinheiro)\b|نقد|كاش"),
    ),
    "urgency": (
        (
            "flexible",
            r"\b(no (hurry|rush)|flexible|sin prisa|pas press|keine eile|sem pressa)|لست مستعجل|مرن",
        ),
        (
            "urgent",
            r"\b(urgent|asap|right away|immediate(ly)?|as soon as possible|urgente|dringend|sofort)\b|عاجل|مستعجل|فورا",
        ),
        (
            "this_month",
            r"\b((this|within a|within one) month|este mes|ce mois|diesen monat|este mês)\b|هذا الشهر|خلال شهر",
        ),
        ("soon", r"\b(soon|within|next month|pronto|bientôt|bald|em breve)\b|قريبا|خلال"),
    ),
    "reason": (
        ("check_up", r"\b(check[- ]?up|revisión|contrôle|vorsorge\w*|kontrolle|consulta de rotina)\b|فحص"),
        ("vaccination", r"\b(vaccin\w+|shot|jab|vacuna\w*|impf\w+|vacina\w*)\b|تطعيم|لقاح"),
        ("prescription", r"\b(prescription|receta|ordonnance|rezept|receita)\b|وصفة"),
        ("results", r"\b(results?|resultados?|résultats?|ergebnis\w*|befund\w*)\b|نتيجة|نتائج"),
        ("cleaning", r"\b(cleaning|limpieza|détartrage|zahnreinigung|limpeza)\b|تنظيف"),
        ("appointment", r"\b(appointment|book|cita|rendez-vous|termin|consulta|marcar)\b|موعد"),
    ),
}

# What agents may call these instead.
SAME = {
    "billing": "payment", "flexible": "no_hurry", "soon": "within_months", "check_up": "appointment",
    "vaccination": "appointment", "cleaning": "appointment",
}  # fmt: skip

# Cities that people write without a capital letter.
PLACES = (
    r"\b(dubai marina|downtown dubai|palm jumeirah|dubai|abu dhabi|sharjah|doha|riyadh|jeddah|new cairo|cairo|amman"
    r"|london|berlin|munich|hamburg|paris|lyon|madrid|barcelona|valencia|lisbon|lisboa|porto|new york|miami)\b"
    r"|دبي مارينا|دبي|أبو ظبي|ابوظبي|أبوظبي|الشارقة|الرياض|جدة|القاهرة|عمان"
)
