// A file that is chosen or dropped goes into the field, where it is read at once. Without this it is read when the form is sent.
const field = document.getElementById("text");
const chosen = document.getElementById("file");
const LIMIT_BYTES = 512 * 1024;

async function take(file) {
  if (!file || file.size > LIMIT_BYTES) return;
  field.value = await file.text();
  chosen.value = "";
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
