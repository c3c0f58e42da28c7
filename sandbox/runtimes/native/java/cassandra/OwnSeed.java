package sandbox.cassandra;

import java.net.UnknownHostException;
import java.util.List;
import java.util.Map;
import org.apache.cassandra.locator.InetAddressAndPort;
import org.apache.cassandra.locator.SeedProvider;

/**
 * The node itself as the only seed. Cassandra's SimpleSeedProvider reads the whole cassandra.yaml again each
 * time it is asked, to notice new seeds: a twentieth of the start.
 */
public final class OwnSeed implements SeedProvider
{
    private final List<InetAddressAndPort> seeds;

    public OwnSeed(Map<String, String> parameters) throws UnknownHostException
    {
        seeds = List.of(InetAddressAndPort.getByName(parameters.get("seed")));
    }

    @Override
    public List<InetAddressAndPort> getSeeds()
    {
        return seeds;
    }
}
