/** What Kubervisor leaves on pods, by name: for whoever sets it, keeps it in mind, or cleans up. */

/** A label. Its values are the states of who is out; who serves has no such label. Any other value is somebody else's. */
export const rotationLabel = 'kubervisor.io/rotation';
/** An annotation that the controller of ReplicaSets reads: the lower, the sooner the pod goes when there are to be fewer. */
export const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
/** An annotation with the cost that we set. While it is the one in force, the cost is ours. */
export const ownCostAnnotation = 'kubervisor.io/deletion-cost';
