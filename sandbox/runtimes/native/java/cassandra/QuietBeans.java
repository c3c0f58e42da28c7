package sandbox.cassandra;

import java.lang.management.ManagementFactory;
import java.util.Set;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.QueryExp;
import org.apache.cassandra.utils.MBeanWrapper;

/**
 * Registers none of Cassandra's thousands of management beans, which nobody can reach while JMX listens
 * nowhere. Those of the JVM itself stay: Cassandra watches its garbage collector through them, which is why
 * its own switch, org.apache.cassandra.disable_mbean_registration, will not do: with that each collection
 * ends in a NullPointerException.
 */
public final class QuietBeans implements MBeanWrapper
{
    @Override
    public void registerMBean(Object bean, ObjectName name, OnException onException)
    {
    }

    @Override
    public boolean isRegistered(ObjectName name, OnException onException)
    {
        return false;
    }

    @Override
    public void unregisterMBean(ObjectName name, OnException onException)
    {
    }

    @Override
    public Set<ObjectName> queryNames(ObjectName name, QueryExp query)
    {
        return getMBeanServer().queryNames(name, query);
    }

    @Override
    public MBeanServer getMBeanServer()
    {
        return ManagementFactory.getPlatformMBeanServer();
    }
}
