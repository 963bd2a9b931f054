const SEGMENT = /^[\p{L}\p{N}@_~-][\p{L}\p{N}@._~:-]*$/u;

const encoded = (segment: string): string => encodeURIComponent(segment).replaceAll("%3A", ":");

/** The package URL of a library, without its version, as `pkg:npm/%40babel/core`; none where no library can have that name. */
export const packageUrl = (type: string, name: string, qualifier = ""): readonly string[] => {
  const segments = name.split("/");
  const canBe = segments.every((segment) => SEGMENT.test(segment));
  return canBe ? [`pkg:${type}/${segments.map(encoded).join("/")}${qualifier}`] : [];
};
