// Compares again whenever a choice changes, and keeps the address in step. Without it the button does the same.
const form = document.querySelector("form.live");
const result = document.getElementById("result");
let asked = 0;

const address = () => {
  const chosen = [...new FormData(form)].filter(([, value]) => value.trim());
  const has = (side) => chosen.some(([name]) => name.startsWith(`${side}.`));
  return has("a") && has("b") ? `${form.action}?${new URLSearchParams(chosen)}` : null;
};

form.addEventListener("change", async () => {
  const wanted = address();
  const number = ++asked;
  if (!wanted) return;
  result.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(wanted);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (number !== asked) return; // a later choice is on its way
    result.replaceChildren(...page.getElementById("result").childNodes);
    history.replaceState(null, "", answer.url);
  } catch {
    // The network is away: the button still asks, and says so.
  }
  result.removeAttribute("aria-busy");
});
