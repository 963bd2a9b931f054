const placeholder = /^(?:\$|\{\{|\{[\w.]{1,64}\}$|<|…$|%\w+%$|%[sdqv]$|\*+$|\[redacted:)/;

/** Whether a text only says that a secret belongs there, or was. */
export const isPlaceholder = (text: string): boolean => placeholder.test(text);

/** Whether a text is a name or a type of a program. */
export const looksLikeCode = (text: string): boolean =>
  /^(?:Big)?(?:Ui|I)nt\d|^Float\d/.test(text) ||
  (text.includes(".") && /^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+$/.test(text));

/** Whether `next` makes a call or an index of what stands before it. */
export const isCall = (next: string): boolean => next === "(" || next === "[";

/** Whether a value without quotes is more likely a word, a number or code than a secret. */
export const isInnocentValue = (text: string, next: string): boolean =>
  !/\d/.test(text) || /^[\d._-]+$/.test(text) || looksLikeCode(text) || isCall(next);
