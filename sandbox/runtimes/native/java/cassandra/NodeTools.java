package sandbox.cassandra;

import io.airlift.airline.Cli;
import io.airlift.airline.ParseException;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.cassandra.cql3.BatchQueryOptions;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.QueryHandler;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.QueryProcessor;
import org.apache.cassandra.cql3.statements.BatchStatement;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.service.QueryState;
import org.apache.cassandra.service.StorageService;
import org.apache.cassandra.tools.INodeProbeFactory;
import org.apache.cassandra.tools.NodeProbe;
import org.apache.cassandra.tools.NodeTool.NodeToolCmd;
import org.apache.cassandra.tools.Output;
import org.apache.cassandra.tools.nodetool.ClearSnapshot;
import org.apache.cassandra.tools.nodetool.ClientStats;
import org.apache.cassandra.tools.nodetool.Compact;
import org.apache.cassandra.tools.nodetool.CompactionHistory;
import org.apache.cassandra.tools.nodetool.CompactionStats;
import org.apache.cassandra.tools.nodetool.Flush;
import org.apache.cassandra.tools.nodetool.GcStats;
import org.apache.cassandra.tools.nodetool.GetEndpoints;
import org.apache.cassandra.tools.nodetool.GetSSTables;
import org.apache.cassandra.tools.nodetool.Import;
import org.apache.cassandra.tools.nodetool.ListSnapshots;
import org.apache.cassandra.tools.nodetool.ProxyHistograms;
import org.apache.cassandra.tools.nodetool.Refresh;
import org.apache.cassandra.tools.nodetool.Snapshot;
import org.apache.cassandra.tools.nodetool.Status;
import org.apache.cassandra.tools.nodetool.TableHistograms;
import org.apache.cassandra.tools.nodetool.TableStats;
import org.apache.cassandra.tools.nodetool.TpStats;
import org.apache.cassandra.tools.nodetool.Version;
import org.apache.cassandra.transport.Dispatcher;
import org.apache.cassandra.transport.messages.ResultMessage;
import org.apache.cassandra.utils.MD5Digest;

/**
 * Cassandra's own commands of nodetool, run inside the server for whoever is logged in over CQL: no second port, no
 * second password, no JVM for each call. A query whose custom payload has the key "nodetool" carries the words of
 * the command, separated by NUL; "nodetool.out", "nodetool.err" and "nodetool.code" come back the same way.
 *
 * What is offered is a choice: nothing that stops or reconfigures the server.
 */
public final class NodeTools implements QueryHandler
{
    private static final String KEY = "nodetool";
    private static final String FORGET = "forget-snapshots";

    private static final List<Class<? extends NodeToolCmd>> COMMANDS = List.of(
        ClearSnapshot.class, ClientStats.class, Compact.class, CompactionHistory.class, CompactionStats.class,
        Flush.class, GcStats.class, GetEndpoints.class, GetSSTables.class, Import.class, ListSnapshots.class,
        ProxyHistograms.class, Refresh.class, Snapshot.class, Status.class, TableHistograms.class, TableStats.class,
        TpStats.class, Version.class);

    private final QueryHandler cql = QueryProcessor.instance;

    /** Made when first needed: reading all the commands' options takes a while. */
    private static final class Commands
    {
        private static final Cli<NodeToolCmd> CLI =
            Cli.<NodeToolCmd>builder("nodetool").withCommands(COMMANDS).build();
    }

    @Override
    public ResultMessage process(
        CQLStatement statement, QueryState state, QueryOptions options, Map<String, ByteBuffer> payload,
        Dispatcher.RequestTime time)
    {
        ResultMessage answer = cql.process(statement, state, options, payload, time);
        if (payload != null && payload.containsKey(KEY))
            answer.setCustomPayload(run(words(payload.get(KEY)), state.getClientState()));
        if (payload != null && payload.containsKey(FORGET))
            forget(words(payload.get(FORGET)), state.getClientState());
        return answer;
    }

    private static String[] words(ByteBuffer sent)
    {
        return StandardCharsets.UTF_8.decode(sent.duplicate()).toString().split("\0");
    }

    /** As clearsnapshot --all does, which takes ten times as long to be understood. */
    private static void forget(String[] keyspaces, ClientState user)
    {
        user.ensureIsSuperuser("Only superusers may have snapshots forgotten");
        StorageService.instance.clearSnapshot(Map.of(), null, keyspaces);
    }

    private static Map<String, ByteBuffer> run(String[] words, ClientState user)
    {
        user.ensureNotAnonymous();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Output output = new Output(
            new PrintStream(out, true, StandardCharsets.UTF_8), new PrintStream(err, true, StandardCharsets.UTF_8));
        int code = 0;
        try
        {
            Commands.CLI.parse(words).run(new Factory(user, output), output);
        }
        catch (ParseException e)
        {
            code = 1;
            output.err.println("nodetool: " + e.getMessage());
        }
        catch (Exception e)
        {
            code = 2;
            Throwable cause = e;
            while (cause.getCause() != null)
                cause = cause.getCause();
            output.err.println("error: " + cause.getMessage());
        }
        output.out.flush();
        output.err.flush();
        return Map.of(
            KEY + ".out", ByteBuffer.wrap(out.toByteArray()),
            KEY + ".err", ByteBuffer.wrap(err.toByteArray()),
            KEY + ".code", ByteBuffer.wrap(Integer.toString(code).getBytes(StandardCharsets.UTF_8)));
    }

    private static final class Factory implements INodeProbeFactory
    {
        private final ClientState user;
        private final Output output;

        private Factory(ClientState user, Output output)
        {
            this.user = user;
            this.output = output;
        }

        @Override
        public NodeProbe create(String host, int port)
        {
            return new LocalProbe(user, output);
        }

        @Override
        public NodeProbe create(String host, int port, String name, String password)
        {
            return new LocalProbe(user, output);
        }
    }

    // All else is CQL as ever.

    @Override
    public CQLStatement parse(String query, QueryState state, QueryOptions options)
    {
        return cql.parse(query, state, options);
    }

    @Override
    public ResultMessage.Prepared prepare(String query, ClientState state, Map<String, ByteBuffer> payload)
    {
        return cql.prepare(query, state, payload);
    }

    @Override
    public QueryHandler.Prepared getPrepared(MD5Digest id)
    {
        return cql.getPrepared(id);
    }

    @Override
    public ResultMessage processPrepared(
        CQLStatement statement, QueryState state, QueryOptions options, Map<String, ByteBuffer> payload,
        Dispatcher.RequestTime time)
    {
        return cql.processPrepared(statement, state, options, payload, time);
    }

    @Override
    public ResultMessage processBatch(
        BatchStatement statement, QueryState state, BatchQueryOptions options, Map<String, ByteBuffer> payload,
        Dispatcher.RequestTime time)
    {
        return cql.processBatch(statement, state, options, payload, time);
    }
}
