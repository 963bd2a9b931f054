import type { Container } from "#operator/pod/parts.ts";
import { plainValue } from "#operator/pod/parts.ts";

/** Variable that gives a criterion's container its command. */
export const criterionVariable = "ENCHANTED_CRITERION";

/** Name of the container of a criterion, by its place from 0. */
export const criterionName = (place: number): string => `criterion-${place + 1}`;

const ofCriterion = /^criterion-[1-9][0-9]*$/;

/** A criterion as the operator wrote it into the spec of a pod, which nothing in the pod can change. */
export type RenderedCriterion = { name: string; command: string };

const commandOf = ({ env = [] }: Container): string =>
  plainValue(env.find(({ name }) => name === criterionVariable)?.value ?? "");

/** The criteria of a verifier pod in the order in which the kubelet runs them; none of any other pod. */
export const renderedCriteria = (
  spec: { initContainers?: Container[]; containers: Container[] } | undefined,
): RenderedCriterion[] =>
  [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]
    .filter(({ name }) => ofCriterion.test(name))
    .map((container) => ({ name: container.name, command: commandOf(container) }));
