/** The API server: it answers, and is new enough for the rules of our CustomResourceDefinitions. */
import { type Check, failed, ok } from './world.ts';

/** Rules in CustomResourceDefinitions are there for good since. */
const least = { major: 1, minor: 29 };

export const apiCheck: Check = {
  id: 'api',
  about: 'the API server',
  async run(world) {
    const { major, minor, gitVersion } = await world.get('/version');
    const [ours, theirs] = [
      least.major * 1000 + least.minor,
      Number(major) * 1000 + Number.parseInt(String(minor), 10),
    ];
    if (theirs >= ours) return [ok(`the API server answers, ${String(gitVersion)}`)];
    return [failed(`the API server is ${String(gitVersion)}`, `use Kubernetes ${least.major}.${least.minor} or newer`)];
  },
};
