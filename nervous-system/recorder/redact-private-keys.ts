const BEGIN = /-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----/g;
// A mention in code or prose has no key behind it; a key has, after some headers.
const MATERIAL = /[A-Za-z0-9+/=]{24}/;
const MATERIAL_WITHIN = 256;

/** Where the key that begins before `from` ends: one without an end was cut off, so all that follows may be key. */
const endOfKey = (text: string, from: number): number => {
  END.lastIndex = from;
  return END.exec(text) === null ? text.length : END.lastIndex;
};

/** Replaces private keys in PEM and PGP armour, whole or cut off, by `marker`. */
export const replacePrivateKeys = (text: string, marker: string): string => {
  let out = "";
  let done = 0;
  BEGIN.lastIndex = 0;
  for (let found = BEGIN.exec(text); found !== null; found = BEGIN.exec(text)) {
    const behind = BEGIN.lastIndex;
    if (!MATERIAL.test(text.slice(behind, behind + MATERIAL_WITHIN))) continue;
    out += text.slice(done, found.index) + marker;
    done = endOfKey(text, behind);
    BEGIN.lastIndex = done;
  }
  return out + text.slice(done);
};
