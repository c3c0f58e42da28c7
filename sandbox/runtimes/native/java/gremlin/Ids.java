package sandbox.gremlin;

import java.util.UUID;
import java.util.regex.Pattern;

import org.apache.tinkerpop.gremlin.tinkergraph.structure.AbstractTinkerGraph;
import org.apache.tinkerpop.gremlin.tinkergraph.structure.AbstractTinkerGraph.DefaultIdManager;
import org.apache.tinkerpop.gremlin.tinkergraph.structure.AbstractTinkerGraph.IdManager;

/**
 * Ids are whole numbers where they look like one, so that {@code g.V(1)}, {@code g.V(1L)} and {@code g.V('1')}
 * mean the same vertex, and else strings of the user's choice, as on Neptune.
 */
public class Ids implements IdManager<Object> {
    /** As a number is written, and fits a long: {@code 007} stays a string. */
    private static final Pattern NUMBER = Pattern.compile("0|-?[1-9][0-9]{0,17}");

    @Override
    public Object getNextId(final AbstractTinkerGraph graph) {
        return DefaultIdManager.LONG.getNextId(graph);
    }

    @Override
    public Object convert(final Object id) {
        if (id == null) {
            return null;
        }
        if (id instanceof Number) {
            return ((Number) id).longValue();
        }
        final String text = id.toString();
        return NUMBER.matcher(text).matches() ? (Object) Long.valueOf(text) : text;
    }

    @Override
    public boolean allow(final Object id) {
        return id instanceof Number || id instanceof String || id instanceof UUID;
    }
}
