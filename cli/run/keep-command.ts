/** The command's name; nobody but a run gives it. */
export const keepCommand = "keep-ports";
