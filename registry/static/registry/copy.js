// Puts a Copy button on every block that is made to be copied. Without it the text can still be selected.
document.querySelectorAll(".copy").forEach((block) => {
  const text = block.querySelector("pre");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      // Plain HTTP has no clipboard: select it, so that one key copies it.
      getSelection().selectAllChildren(text);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.append(button);
});
