package sandbox.cassandra;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.concurrent.TimeUnit;
import org.apache.cassandra.concurrent.ScheduledExecutors;
import org.apache.cassandra.config.CassandraRelevantProperties;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.db.ColumnFamilyStore;
import org.apache.cassandra.db.Keyspace;
import org.apache.cassandra.db.commitlog.CommitLog;
import org.apache.cassandra.db.commitlog.CommitLogDescriptor;
import org.apache.cassandra.io.util.File;
import org.apache.cassandra.schema.SchemaConstants;
import org.apache.cassandra.schema.SchemaKeyspaceTables;
import org.apache.cassandra.service.CassandraDaemon;

/**
 * Cassandra's own daemon, which after a kill takes the schema from the commit log as well.
 *
 * As shipped, each change of the schema writes up to twelve tables out into files at once, because at the start the
 * schema is read before the log is replayed. Here a change stays in the log and in memory like all that is written
 * (cassandra.test.flush_local_schema_changes), and what the log says of the schema is replayed before it is read.
 * From time to time it is written out all the same: in memory the columns of dropped tables stay, and each change
 * reads them all.
 */
public final class Node extends CassandraDaemon
{
    /** Changes of columns, whose reading takes a millisecond or two. */
    private static final long MOST_CHANGES = 2_000;
    private static final long LOOK_SECONDS = 2;

    public static void main(String[] arguments)
    {
        new Node().activate();
    }

    /** The last that can be had in between: the log is open, the schema has not been read. */
    @Override
    public void runStartupChecks()
    {
        super.runStartupChecks();
        File[] left = leftOver(CommitLog.instance.getCurrentPosition().segmentId);
        if (left.length == 0)
            return;
        // A filter knows only keyspaces that are open.
        Keyspace.open(SchemaConstants.SCHEMA_KEYSPACE_NAME);
        CassandraRelevantProperties only = CassandraRelevantProperties.COMMIT_LOG_REPLAY_LIST;
        only.setString(SchemaConstants.SCHEMA_KEYSPACE_NAME);
        try
        {
            // The files stay: all else in them is replayed in its time, when the tables are known.
            CommitLog.instance.recoverFiles(left);
        }
        catch (IOException e)
        {
            throw new UncheckedIOException(e);
        }
        finally
        {
            only.clearValue();
        }
    }

    @Override
    public void completeSetup()
    {
        super.completeSetup();
        ScheduledExecutors.optionalTasks.scheduleWithFixedDelay(
            Node::writeOut, LOOK_SECONDS, LOOK_SECONDS, TimeUnit.SECONDS);
    }

    private static void writeOut()
    {
        Keyspace schema = Keyspace.open(SchemaConstants.SCHEMA_KEYSPACE_NAME);
        ColumnFamilyStore columns = schema.getColumnFamilyStore(SchemaKeyspaceTables.COLUMNS);
        if (columns.getTracker().getView().getCurrentMemtable().operationCount() > MOST_CHANGES)
            schema.flush(ColumnFamilyStore.FlushReason.MEMTABLE_PERIOD_EXPIRED);
    }

    /** The log's files of earlier runs, the oldest first. */
    private static File[] leftOver(long first)
    {
        File[] found = new File(DatabaseDescriptor.getCommitLogLocation())
            .tryList((folder, name) -> CommitLogDescriptor.isValid(name) && id(name) < first);
        if (found == null)
            return new File[0];
        Arrays.sort(found, Comparator.comparingLong(file -> id(file.name())));
        return found;
    }

    private static long id(String name)
    {
        return CommitLogDescriptor.fromFileName(name).id;
    }
}
