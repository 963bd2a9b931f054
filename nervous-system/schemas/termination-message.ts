/** Bytes that an agent's termination message may have. The kubelet keeps 12 KiB of a pod's, the same of each container: four are ours, and the cluster may add two. */
export const agentMessageBytes = 2048;

/** The JSON of what a container says at its end in at most `maxBytes`, with as much of its `message` as that leaves room for. */
export const fitMessage = (
  told: Readonly<Record<string, string>> & { readonly message: string },
  maxBytes: number,
): string => {
  const rendered = (chars: number): string => JSON.stringify({ ...told, message: told.message.slice(0, chars) });
  // JSON's escapes and UTF-8 can make a character six bytes.
  let chars = Math.min(told.message.length, maxBytes);
  while (chars > 0 && Buffer.byteLength(rendered(chars)) > maxBytes) chars -= 1;
  return rendered(chars);
};
