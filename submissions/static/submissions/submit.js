// A file that is chosen or dropped goes into the field, where it is read at once. Without this it is read when the form is sent.
const field = document.getElementById("text");
const chosen = document.getElementById("file");
const limitBytes = Number(chosen.dataset.limitBytes);

function refuse(message) {
  document.getElementById("not-taken")?.remove();
  const notice = document.createElement("p");
  notice.id = "not-taken";
  notice.className = "notice bad";
  notice.setAttribute("role", "alert");
  notice.textContent = message;
  document.getElementById("reading").prepend(notice);
}

async function take(file) {
  if (!file) return;
  chosen.value = "";
  if (file.size > limitBytes) {
    refuse(`This file was not taken: it has ${file.size.toLocaleString("en-GB")} bytes, and a report at most ${limitBytes.toLocaleString("en-GB")}.`);
    return;
  }
  try {
    field.value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    refuse("This file was not taken: it is not UTF-8 text.");
    return;
  }
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

chosen.addEventListener("change", () => take(chosen.files[0]));
field.addEventListener("dragover", (event) => {
  event.preventDefault();
  field.classList.add("over");
});
field.addEventListener("dragleave", () => field.classList.remove("over"));
field.addEventListener("drop", (event) => {
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  field.classList.remove("over");
  take(event.dataTransfer.files[0]);
});
