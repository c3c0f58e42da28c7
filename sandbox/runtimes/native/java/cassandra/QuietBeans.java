package sandbox.cassandra;

import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.MBeanServerConnection;
import javax.management.MBeanServerFactory;
import javax.management.ObjectName;
import javax.management.QueryExp;
import org.apache.cassandra.utils.MBeanWrapper;

/**
 * Registers none of Cassandra's thousands of management beans, because JMX listens nowhere; only notes them.
 * One that nodetool asks for is registered then, in a server of its own. Those of the JVM itself stay where they
 * are: Cassandra watches its garbage collector through them, which is why its own switch,
 * org.apache.cassandra.disable_mbean_registration, will not do: with that each collection ends in a
 * NullPointerException.
 */
public final class QuietBeans implements MBeanWrapper
{
    private final Map<ObjectName, Object> beans = new ConcurrentHashMap<>(8192);
    private MBeanServer server;

    @Override
    public void registerMBean(Object bean, ObjectName name, OnException onException)
    {
        beans.put(name, bean);
    }

    @Override
    public boolean isRegistered(ObjectName name, OnException onException)
    {
        return beans.containsKey(name);
    }

    @Override
    public synchronized void unregisterMBean(ObjectName name, OnException onException)
    {
        beans.remove(name);
        if (server == null || !server.isRegistered(name))
            return;
        try
        {
            server.unregisterMBean(name);
        }
        catch (JMException e)
        {
            onException.handler.accept(e);
        }
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

    /** A connection in which all noted beans can be found; each is registered when it is first named. */
    MBeanServerConnection connection()
    {
        return (MBeanServerConnection) Proxy.newProxyInstance(
            QuietBeans.class.getClassLoader(), new Class<?>[]{ MBeanServerConnection.class }, this::call);
    }

    private Object call(Object proxy, Method method, Object[] arguments) throws Throwable
    {
        Object first = arguments == null || arguments.length == 0 ? null : arguments[0];
        if (method.getName().equals("queryNames"))
            return named((ObjectName) first);
        if (first instanceof ObjectName name)
            present(name);
        try
        {
            return method.invoke(server(), arguments);
        }
        catch (InvocationTargetException e)
        {
            throw e.getCause();
        }
    }

    private Set<ObjectName> named(ObjectName pattern)
    {
        Set<ObjectName> found = new HashSet<>();
        for (ObjectName name : beans.keySet())
            if (pattern == null || pattern.apply(name))
                found.add(name);
        return found;
    }

    private synchronized void present(ObjectName name) throws JMException
    {
        Object bean = beans.get(name);
        if (bean != null && !server().isRegistered(name))
            server().registerMBean(bean, name);
    }

    private synchronized MBeanServer server()
    {
        if (server == null)
            server = MBeanServerFactory.newMBeanServer();
        return server;
    }
}
