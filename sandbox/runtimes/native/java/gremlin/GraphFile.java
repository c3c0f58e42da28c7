package sandbox.gremlin;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.apache.tinkerpop.gremlin.structure.Edge;
import org.apache.tinkerpop.gremlin.structure.Element;
import org.apache.tinkerpop.gremlin.structure.Graph;
import org.apache.tinkerpop.gremlin.structure.Property;
import org.apache.tinkerpop.gremlin.structure.T;
import org.apache.tinkerpop.gremlin.structure.Vertex;
import org.apache.tinkerpop.gremlin.structure.VertexProperty;
import org.apache.tinkerpop.gremlin.structure.io.Buffer;
import org.apache.tinkerpop.gremlin.structure.io.binary.GraphBinaryReader;
import org.apache.tinkerpop.gremlin.structure.io.binary.GraphBinaryWriter;
import org.apache.tinkerpop.gremlin.util.iterator.IteratorUtils;
import org.apache.tinkerpop.gremlin.util.ser.NettyBufferFactory;

/**
 * A graph as bytes: a mark, then all vertices with their properties, then all edges, each value in GraphBinary.
 * What a client can send can so be kept, which GraphSON and Gryo do not manage (dates with an offset, Java 17).
 */
final class GraphFile {
    private static final String MARK = "sandbox graph 1";
    private static final NettyBufferFactory BUFFERS = new NettyBufferFactory();

    private GraphFile() {
    }

    static byte[] write(final Graph graph) throws IOException {
        final ByteBuf bytes = Unpooled.buffer(1 << 16);
        final Buffer buffer = BUFFERS.create(bytes);
        final GraphBinaryWriter writer = new GraphBinaryWriter();
        writer.write(MARK, buffer);
        final List<Vertex> vertices = IteratorUtils.list(graph.vertices());
        writer.write(vertices.size(), buffer);
        for (final Vertex vertex : vertices) {
            writeHead(vertex, writer, buffer);
            final List<VertexProperty<Object>> properties = IteratorUtils.list(vertex.properties());
            writer.write(properties.size(), buffer);
            for (final VertexProperty<Object> property : properties) {
                writeHead(property, writer, buffer);
                writer.write(property.value(), buffer);
                writeProperties(property, writer, buffer);
            }
        }
        final List<Edge> edges = IteratorUtils.list(graph.edges());
        writer.write(edges.size(), buffer);
        for (final Edge edge : edges) {
            writeHead(edge, writer, buffer);
            writer.write(edge.outVertex().id(), buffer);
            writer.write(edge.inVertex().id(), buffer);
            writeProperties(edge, writer, buffer);
        }
        final byte[] content = new byte[bytes.readableBytes()];
        bytes.readBytes(content);
        return content;
    }

    private static void writeHead(final Element element, final GraphBinaryWriter writer, final Buffer buffer)
            throws IOException {
        writer.write(element.id(), buffer);
        writer.write(element.label(), buffer);
    }

    private static void writeProperties(final Element element, final GraphBinaryWriter writer, final Buffer buffer)
            throws IOException {
        final List<Property<Object>> properties = new ArrayList<>();
        final Iterator<? extends Property<Object>> each = element.properties();
        each.forEachRemaining(properties::add);
        writer.write(properties.size(), buffer);
        for (final Property<Object> property : properties) {
            writer.write(property.key(), buffer);
            writer.write(property.value(), buffer);
        }
    }

    static void read(final byte[] content, final Graph graph) throws IOException {
        new GraphFile(content).into(graph);
    }

    private final List<VertexRecord> vertices = new ArrayList<>();
    private final List<EdgeRecord> edges = new ArrayList<>();

    /** What a file says, to be brought into any number of graphs: reading it takes longer than that. */
    GraphFile(final byte[] content) throws IOException {
        final Buffer buffer = BUFFERS.create(Unpooled.wrappedBuffer(content));
        final GraphBinaryReader reader = new GraphBinaryReader();
        if (!MARK.equals(reader.read(buffer))) {
            throw new IOException("not a graph of this version");
        }
        for (int left = reader.read(buffer); left > 0; left--) {
            final Object id = reader.read(buffer);
            final String label = reader.read(buffer);
            final VertexRecord vertex = new VertexRecord(id, label.intern(), new ArrayList<>());
            for (int properties = reader.read(buffer); properties > 0; properties--) {
                final Object propertyId = reader.read(buffer);
                final String key = reader.read(buffer);
                vertex.properties.add(new PropertyRecord(
                        propertyId, key.intern(), reader.read(buffer), readProperties(reader, buffer)));
            }
            vertices.add(vertex);
        }
        for (int left = reader.read(buffer); left > 0; left--) {
            final Object id = reader.read(buffer);
            final String label = reader.read(buffer);
            edges.add(new EdgeRecord(id, label.intern(), reader.read(buffer), reader.read(buffer),
                    readProperties(reader, buffer)));
        }
    }

    /** Keys and values by turns. */
    private static Object[] readProperties(final GraphBinaryReader reader, final Buffer buffer) throws IOException {
        final int number = reader.read(buffer);
        final Object[] found = new Object[2 * number];
        for (int at = 0; at < found.length; at += 2) {
            found[at] = reader.<String>read(buffer).intern();
            found[at + 1] = reader.read(buffer);
        }
        return found;
    }

    /** Bring it all into a graph, which is empty. Values are shared: nothing changes one in its place. */
    void into(final Graph graph) {
        final Map<Object, Vertex> made = new HashMap<>();
        for (final VertexRecord each : vertices) {
            final Vertex vertex = graph.addVertex(T.id, each.id, T.label, each.label);
            made.put(each.id, vertex);
            for (final PropertyRecord property : each.properties) {
                final VertexProperty<Object> there = vertex.property(
                        VertexProperty.Cardinality.list, property.key, property.value, T.id, property.id);
                addProperties(there, property.more);
            }
        }
        for (final EdgeRecord each : edges) {
            addProperties(made.get(each.out).addEdge(each.label, made.get(each.in), T.id, each.id), each.properties);
        }
    }

    private static void addProperties(final Element element, final Object[] properties) {
        for (int at = 0; at < properties.length; at += 2) {
            element.property((String) properties[at], properties[at + 1]);
        }
    }

    private record VertexRecord(Object id, String label, List<PropertyRecord> properties) {
    }

    private record PropertyRecord(Object id, String key, Object value, Object[] more) {
    }

    private record EdgeRecord(Object id, String label, Object out, Object in, Object[] properties) {
    }
}
