// Another customer: by number, or by WhatsApp's id where there is no number.

const $ = (id) => document.getElementById(id);
export const E164 = /^\+[1-9]\d{6,14}$/;
export const WHATSAPP_ID = /^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$/;
export const isAddress = (text) => E164.test(text) || WHATSAPP_ID.test(text);

// onAdd(number, name)
export function adding(onAdd) {
  const show = (shown) => {
    $("add").hidden = !shown;
    $("add-error").textContent = "";
    $("add-open").setAttribute("aria-expanded", String(shown));
    if (shown) $("add-number").focus();
  };
  $("add-open").addEventListener("click", () => show($("add").hidden));
  $("add-cancel").addEventListener("click", () => (show(false), $("add-open").focus()));
  $("add").addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = $("add-number").value.trim().replace(/^whatsapp:/i, "");
    const number = WHATSAPP_ID.test(typed) ? typed : typed.replace(/[\s().-]/g, "").replace(/^00/, "+");
    if (!isAddress(number)) {
      $("add-error").textContent = "Write it with + and the country code, for example +15557654321, or as WhatsApp's id, US.13491208655302741918.";
      $("add-number").focus();
      return;
    }
    const name = $("add-name").value.trim();
    $("add").reset();
    show(false);
    onAdd(number, name);
  });
}
