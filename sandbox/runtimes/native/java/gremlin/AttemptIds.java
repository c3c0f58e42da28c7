package sandbox.gremlin;

import org.apache.tinkerpop.gremlin.tinkergraph.structure.AbstractTinkerGraph;

/** Ids for a graph that a learner writes to. They run out, so that a traversal without an end ends. */
public final class AttemptIds extends Ids {
    private static final int MOST = 100_000;

    @Override
    public Object getNextId(final AbstractTinkerGraph graph) {
        if (graph.getVerticesCount() + graph.getEdgesCount() >= MOST) {
            throw new IllegalStateException("This graph is full: it may have " + MOST + " vertices and edges");
        }
        return super.getNextId(graph);
    }
}
