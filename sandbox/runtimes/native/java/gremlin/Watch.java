package sandbox.gremlin;

import org.apache.tinkerpop.gremlin.process.computer.traversal.step.VertexComputing;
import org.apache.tinkerpop.gremlin.process.traversal.Step;
import org.apache.tinkerpop.gremlin.process.traversal.Traversal;
import org.apache.tinkerpop.gremlin.process.traversal.TraversalStrategy.VerificationStrategy;
import org.apache.tinkerpop.gremlin.process.traversal.step.Mutating;
import org.apache.tinkerpop.gremlin.process.traversal.step.sideEffect.IoStep;
import org.apache.tinkerpop.gremlin.process.traversal.strategy.AbstractTraversalStrategy;
import org.apache.tinkerpop.gremlin.process.traversal.strategy.verification.VerificationException;

/**
 * Sees every traversal, and every traversal within one, before it runs: notes that it will change the graph,
 * or refuses that on a read-only source. Refuses {@code io()} to all, which reads and writes the machine's files.
 *
 * It is not registered by name, so no script can name it in {@code withoutStrategies()}; {@link Guard} sees to
 * bytecode.
 */
final class Watch extends AbstractTraversalStrategy<VerificationStrategy> implements VerificationStrategy {
    private final transient Runnable changes;

    /** @param changes told before the graph changes; null for a read-only source. */
    Watch(final Runnable changes) {
        this.changes = changes;
    }

    @Override
    public void apply(final Traversal.Admin<?, ?> traversal) {
        for (final Step<?, ?> step : traversal.getSteps()) {
            if (step instanceof IoStep) {
                throw new VerificationException("io() is not offered: it reads and writes files of the server", traversal);
            }
            // A graph computer may write its results to the graph.
            if (step instanceof Mutating || step instanceof VertexComputing) {
                if (changes == null) {
                    throw new VerificationException("This graph is read only for you: " + step, traversal);
                }
                changes.run();
            }
        }
    }
}
