import { defineFrame, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** A message from one agent to another. */
export const message = defineFrame({
  type: "MESSAGE",
  description: "A message from one agent to another.",
  producers: ["agent"],
  payload: {
    to: text("Name of the agent addressed, or `*`."),
    from: text("Name of the sender."),
    channel: text("Channel, such as `review`.").optional(),
    subject: text("What it is about.").optional(),
    text: text("The message."),
    in_reply_to: text("Event id of the message answered.").optional(),
  },
});
