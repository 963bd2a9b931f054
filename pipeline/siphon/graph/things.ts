import { cut } from "#nervous-system/kernel/cut.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { keyOf } from "#pipeline/siphon/graph/keys.ts";
import type { Properties, Thing, ThingLabel } from "#pipeline/siphon/graph/model.ts";

// The ledger keeps the whole text; here it says which decision or message this is.
const MAX_TEXT = 2000;
const MAX_NAME = 253;

/** A text as a property; one that says nothing is absent. */
export const textOf = (text: string | undefined): string | undefined =>
  isSaid(text) ? cut(text, MAX_TEXT) : undefined;

/** The same of a name, short enough for an index. */
export const nameOf = (text: string | undefined): string | undefined =>
  isSaid(text) ? cut(text, MAX_NAME) : undefined;

/** Whether a member says anything. */
export const isSaid = (text: string | undefined): text is string => text !== undefined && text !== "";

const thing = (label: ThingLabel, key: string, properties: Properties): Thing => ({ label, key, properties });

/** The mission of a frame. */
export const missionOf = ({ namespace, mission_uid: uid, mission: name }: Envelope): Thing =>
  thing("Mission", keyOf(namespace, uid), { namespace, uid, name });

/** Who wrote a frame, by the name that it gives itself. */
export const agentOf = (envelope: Envelope, name: string | undefined): Thing => {
  const { namespace, agent_uid: uid } = envelope;
  return thing("Agent", keyOf(namespace, uid), {
    namespace,
    uid,
    mission: missionOf(envelope).key,
    name: nameOf(name),
  });
};

/** A persona of a namespace. */
export const personaOf = ({ namespace }: Envelope, name: string): Thing =>
  thing("Persona", keyOf(namespace, name), { namespace, name });

/** A file of a mission's workspace: no frame says of which repository it is, and what one mission does is not in another's workspace. */
export const fileOf = ({ namespace, mission_uid }: Envelope, path: string): Thing =>
  thing("File", keyOf(namespace, mission_uid, path), { namespace, mission_uid, path: textOf(path) });

/** A commit. */
export const commitOf = ({ namespace }: Envelope, sha: string): Thing =>
  thing("Commit", keyOf(namespace, sha), { namespace, sha: nameOf(sha) });

/** A pull request by its URL. */
export const pullRequestOf = ({ namespace }: Envelope, url: string, number: number | undefined): Thing =>
  thing("PullRequest", keyOf(namespace, url), { namespace, url: textOf(url), number });

/** An image by its digest. */
export const imageOf = ({ namespace }: Envelope, digest: string, name?: string): Thing =>
  thing("Image", keyOf(namespace, digest), { namespace, digest: nameOf(digest), name: nameOf(name) });
