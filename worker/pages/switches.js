// What a page's two switches do: language and theme, remembered from visit to visit.

import { put } from "./elements.js";

const THEMES = ["", "light", "dark"]; // empty: the system's

const at = (id) => document.getElementById(id);

/** Return how a page speaks: {say, speak, spoken}. words: language -> name -> text, English at least. */
export function speaker(words) {
  let language = "en";
  return {
    say(name, values = {}) {
      const word = words[language][name] ?? name;
      return word.replace(/\{(\w+)\}/g, (all, key) => (key in values ? String(values[key]) : all));
    },
    speak(wanted) {
      language = wanted in words ? wanted : "en";
    },
    spoken: () => language,
  };
}

/** Let #language and #theme switch, and begin with what was chosen. ``talked``: to say what is not [data-say]. */
export function prepareSwitches({ say, speak, spoken }, talked) {
  const talk = (wanted) => {
    speak(wanted);
    const chinese = spoken() === "zh";
    document.documentElement.lang = chinese ? "zh-CN" : "en";
    document.title = say("title");
    for (const element of document.querySelectorAll("[data-say]")) put(element, say(element.dataset.say));
    for (const element of document.querySelectorAll("[data-name]")) {
      element.setAttribute("aria-label", say(element.dataset.name));
    }
    at("language").lang = chinese ? "en" : "zh-CN";
    put(at("language"), say("other"));
    put(at("theme"), say(`theme.${theme()}`));
    talked();
  };
  const dress = (wanted) => {
    if (wanted) document.documentElement.dataset.theme = wanted;
    else delete document.documentElement.dataset.theme;
    put(at("theme"), say(`theme.${wanted}`));
  };
  at("language").addEventListener("click", () => talk(remember("language", spoken() === "zh" ? "en" : "zh")));
  at("theme").addEventListener("click", () => {
    dress(remember("theme", THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]));
  });
  dress(THEMES.includes(recall("theme")) ? recall("theme") : "");
  const known = recall("language") || (navigator.languages ?? [navigator.language])[0] || "en";
  talk(known.startsWith("zh") ? "zh" : "en");
}

function theme() {
  return document.documentElement.dataset.theme ?? "";
}

// A browser that keeps nothing is fine.
function recall(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // as above
  }
  return value;
}
