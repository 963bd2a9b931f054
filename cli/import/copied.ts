import type { SessionFrame, SessionOut } from "./session-frames.ts";

/** Of these a copy would count twice: what was used, and that a session began. */
const COUNTED = new Set(["CHAT", "LIFECYCLE"]);

/**
 * Where a fork's session tells what it was copied from, that is marked, so that the fork's words are whole without its parent's
 * file; usage and starts are left out, since sums have nothing to tell a copy by: they are the parent's, on the day they were.
 */
export const markCopies = (out: SessionOut, copiedFrom: () => string | undefined): SessionOut => {
  const marked = <Entry extends Pick<SessionFrame, "copiedFrom">>(entry: Entry): Entry => {
    const parent = copiedFrom();
    return parent === undefined ? entry : { ...entry, copiedFrom: parent };
  };
  return {
    tell: (frame) => {
      if (copiedFrom() !== undefined && COUNTED.has(frame.type))
        out.leaveOut(`${frame.type} copied from another session`);
      else out.tell(marked(frame));
    },
    leaveOut: (what) => out.leaveOut(what),
    keep: (what, entry) => out.keep(what, marked(entry)),
  };
};
