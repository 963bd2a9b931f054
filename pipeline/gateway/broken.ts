/** Who or what kept a model call from its end, for metrics and logs. */
type BrokenBy =
  | "client_gone"
  | "client_stopped_reading"
  | "provider_unreachable"
  | "provider_silent"
  | "provider_broke_off"
  | "provider_redirects"
  | "answer_too_large"
  | "answer_too_long"
  | "no_room";

/** Why a model call did not come to its end; the message is for people, and for its frame. */
export type Broken = { readonly by: BrokenBy; readonly message: string };
