/** What an object itself holds under a name from outside: not what every object inherits (`constructor`, `toString`, …). */
export const ownOf = <V>(record: Readonly<Record<string, V>>, name: string): V | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;
