// What all pages share: the data, elements, the theme, the copy buttons.

window.addEventListener("error", event => { document.documentElement.dataset.error = event.message; });

const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);

// Text that steers no terminal and turns no direction, whatever is in it.
const clean = text => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
  c => "\\u{" + c.codePointAt(0).toString(16) + "}");

// An element with properties and children; strings become text, never markup.
const element = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
};

const many = n => n.toLocaleString("en");
const counted = (n, what) => `${many(n)} ${what}${n === 1 ? "" : "s"}`;

const copy = text => {
  const area = element("textarea", { value: text });
  document.body.append(area);
  area.select();
  // A page opened from a disk may not have the newer interface to the clipboard.
  const done = document.execCommand("copy");
  area.remove();
  return done;
};

document.addEventListener("click", event => {
  const button = event.target.closest(".copy");
  if (!button) return;
  button.textContent = copy(button.previousElementSibling.textContent) ? "copied" : "select it by hand";
  setTimeout(() => { button.textContent = "copy"; }, 1500);
});

const themeChanged = [];
$("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  for (const then of themeChanged) then();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const then of themeChanged) then(); });
