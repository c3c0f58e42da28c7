package sandbox.cassandra;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import javax.management.JMX;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;
import org.apache.cassandra.auth.Permission;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.db.compaction.CompactionManagerMBean;
import org.apache.cassandra.gms.FailureDetectorMBean;
import org.apache.cassandra.gms.GossiperMBean;
import org.apache.cassandra.net.MessagingServiceMBean;
import org.apache.cassandra.service.CacheServiceMBean;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.service.GCInspectorMXBean;
import org.apache.cassandra.service.StorageProxyMBean;
import org.apache.cassandra.service.StorageServiceMBean;
import org.apache.cassandra.streaming.StreamManagerMBean;
import org.apache.cassandra.tools.NodeProbe;
import org.apache.cassandra.tools.Output;
import org.apache.cassandra.utils.MBeanWrapper;

/**
 * What nodetool's commands talk to, without JMX: the beans of this very server. What changes a keyspace asks for
 * the permission to modify it; what would be for all keyspaces asks for a superuser.
 */
final class LocalProbe extends NodeProbe
{
    private final ClientState user;

    LocalProbe(ClientState user, Output output)
    {
        this.user = user;
        this.output = output;
        try
        {
            connect();
        }
        catch (IOException e)
        {
            throw new IllegalStateException(e);
        }
    }

    @Override
    protected void connect() throws IOException
    {
        mbeanServerConn = ((QuietBeans) MBeanWrapper.instance).connection();
        ssProxy = bean("org.apache.cassandra.db:type=StorageService", StorageServiceMBean.class);
        spProxy = bean("org.apache.cassandra.db:type=StorageProxy", StorageProxyMBean.class);
        msProxy = bean("org.apache.cassandra.net:type=MessagingService", MessagingServiceMBean.class);
        streamProxy = bean("org.apache.cassandra.net:type=StreamManager", StreamManagerMBean.class);
        fdProxy = bean("org.apache.cassandra.net:type=FailureDetector", FailureDetectorMBean.class);
        gossProxy = bean("org.apache.cassandra.net:type=Gossiper", GossiperMBean.class);
        compactionProxy = bean("org.apache.cassandra.db:type=CompactionManager", CompactionManagerMBean.class);
        cacheService = bean("org.apache.cassandra.db:type=Caches", CacheServiceMBean.class);
        gcProxy = bean("org.apache.cassandra.service:type=GCInspector", GCInspectorMXBean.class);
        memProxy = ManagementFactory.getMemoryMXBean();
        runtimeProxy = ManagementFactory.getRuntimeMXBean();
    }

    private <T> T bean(String name, Class<T> type) throws IOException
    {
        try
        {
            return JMX.newMBeanProxy(mbeanServerConn, new ObjectName(name), type);
        }
        catch (MalformedObjectNameException e)
        {
            throw new IOException(e);
        }
    }

    @Override
    public void close()
    {
    }

    @Override
    public void takeSnapshot(String name, String table, Map<String, String> options, String... keyspaces)
        throws IOException
    {
        demand(keyspaces);
        plain(name);
        super.takeSnapshot(name, table, options, keyspaces);
    }

    @Override
    public void takeMultipleTableSnapshot(String name, Map<String, String> options, String... tables)
        throws IOException
    {
        for (String table : tables)
            demand(table.split("\\.")[0]);
        plain(name);
        super.takeMultipleTableSnapshot(name, options, tables);
    }

    @Override
    public void clearSnapshot(Map<String, Object> options, String tag, String... keyspaces) throws IOException
    {
        demand(keyspaces);
        super.clearSnapshot(options, tag, keyspaces);
    }

    @Override
    public void forceKeyspaceFlush(String keyspace, String... tables)
        throws IOException, ExecutionException, InterruptedException
    {
        demand(keyspace);
        super.forceKeyspaceFlush(keyspace, tables);
    }

    @Override
    public void forceKeyspaceCompaction(boolean split, String keyspace, String... tables)
        throws IOException, ExecutionException, InterruptedException
    {
        demand(keyspace);
        super.forceKeyspaceCompaction(split, keyspace, tables);
    }

    @Override
    public void loadNewSSTables(String keyspace, String table)
    {
        demand(keyspace);
        super.loadNewSSTables(keyspace, table);
    }

    @Override
    public List<String> importNewSSTables(
        String keyspace, String table, Set<String> folders, boolean resetLevel, boolean clearRepaired,
        boolean verify, boolean verifyTokens, boolean invalidate, boolean extended, boolean copy,
        boolean skipSai, boolean validateSai)
    {
        demand(keyspace);
        for (String folder : folders)
            demandOwn(keyspace, folder);
        List<String> failed = super.importNewSSTables(
            keyspace, table, folders, resetLevel, clearRepaired, verify, verifyTokens, invalidate, extended, copy,
            skipSai, validateSai);
        // The command would end its program, which here is the server.
        if (!failed.isEmpty())
            throw new IllegalArgumentException("Some directories could not be imported: " + failed);
        return failed;
    }

    @Override
    public Map<String, Float> effectiveOwnershipWithPort(String keyspace)
    {
        try
        {
            return super.effectiveOwnershipWithPort(keyspace);
        }
        catch (IllegalArgumentException e)
        {
            // As above: for this one `status` ends its program.
            throw new IllegalStateException(e.getMessage());
        }
    }

    @Override
    public Map<InetAddress, Float> effectiveOwnership(String keyspace)
    {
        try
        {
            return super.effectiveOwnership(keyspace);
        }
        catch (IllegalArgumentException e)
        {
            throw new IllegalStateException(e.getMessage());
        }
    }

    private void demand(String... keyspaces)
    {
        if (keyspaces.length == 0)
            user.ensureIsSuperuser("Only superusers may do this for all keyspaces: name a keyspace");
        for (String keyspace : keyspaces)
            user.ensureKeyspacePermission(keyspace, Permission.MODIFY);
    }

    /** The name becomes that of a folder. */
    private static void plain(String name)
    {
        if (!name.matches("[\\w.-]+") || name.startsWith("."))
            throw new IllegalArgumentException("The name of a snapshot has letters, digits, _ and - only: " + name);
    }

    /** SSTables come from the keyspace's own folder: its snapshots. Others are none of a client's business. */
    private static void demandOwn(String keyspace, String folder)
    {
        try
        {
            String real = new File(folder).getCanonicalPath() + File.separator;
            for (String root : DatabaseDescriptor.getAllDataFileLocations())
                if (real.startsWith(new File(root, keyspace).getCanonicalPath() + File.separator))
                    return;
        }
        catch (IOException e)
        {
            throw new IllegalArgumentException(e.getMessage());
        }
        throw new IllegalArgumentException(
            folder + " is not below the folder of keyspace " + keyspace + ", where its snapshots are");
    }
}
