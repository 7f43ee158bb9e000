// Small forms over the page: a place, a contact, a tapped button, a choice from a list.

const fields = (form) => [...form.elements].filter((field) => field.name);

// Opens the dialog; what was filled in goes to ``onGiven`` as {field: text}.
export function openSheet(id, onGiven) {
  const dialog = document.getElementById(id);
  const form = dialog.querySelector("form");
  prepare(dialog, form);
  dialog.onGiven = onGiven;
  form.reset();
  dialog.showModal();
  fields(form)[0].focus();
}

function prepare(dialog, form) {
  if (dialog.onGiven) return;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close();
    dialog.onGiven(Object.fromEntries(fields(form).map((field) => [field.name, field.value.trim()]).filter(([, value]) => value)));
  });
  for (const button of dialog.querySelectorAll("[data-fill]")) {
    button.addEventListener("click", () => {
      const given = JSON.parse(button.dataset.fill);
      for (const field of fields(form)) field.value = given[field.name] ?? "";
      form.querySelector("[type=submit]").focus();
    });
  }
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  // A click beside the sheet is a click on the dialog itself.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}
