package sandbox.gremlin;

import java.util.HashMap;
import java.util.Map;

import org.apache.tinkerpop.gremlin.process.traversal.Bytecode;
import org.apache.tinkerpop.gremlin.process.traversal.TraversalSource;
import org.apache.tinkerpop.gremlin.process.traversal.util.BytecodeHelper;
import org.apache.tinkerpop.gremlin.server.auth.AuthenticatedUser;
import org.apache.tinkerpop.gremlin.server.authz.AuthorizationException;
import org.apache.tinkerpop.gremlin.server.authz.Authorizer;
import org.apache.tinkerpop.gremlin.util.Tokens;
import org.apache.tinkerpop.gremlin.util.message.RequestMessage;

/**
 * Who may do what. Nobody runs Groovy, with which anybody could read files: scripts are Gremlin's own language,
 * lambdas are refused. All but the administrator read {@code g} and write {@code g_attempt_*} only.
 */
public final class Guard implements Authorizer {
    static final String LANGUAGE = "gremlin-lang";
    private static final String PRIVATE = Guard.class.getPackage().getName() + ".";

    @Override
    public void setup(final Map<String, Object> config) {
        // Nothing to set up.
    }

    @Override
    public Bytecode authorize(final AuthenticatedUser user, final Bytecode bytecode, final Map<String, String> aliases)
            throws AuthorizationException {
        if (BytecodeHelper.getLambdaLanguage(bytecode).isPresent()) {
            throw new AuthorizationException("lambdas are not offered");
        }
        for (final Bytecode.Instruction instruction : bytecode.getSourceInstructions()) {
            if (instruction.getOperator().equals(TraversalSource.Symbols.withoutStrategies)) {
                for (final Object named : instruction.getArguments()) {
                    if (named instanceof Class && ((Class<?>) named).getName().startsWith(PRIVATE)) {
                        throw new AuthorizationException("this strategy cannot be removed");
                    }
                }
            }
        }
        if (aliases != null) {
            for (final Map.Entry<String, String> alias : aliases.entrySet()) {
                alias.setValue(allowed(user, alias.getValue()));
            }
        }
        return bytecode;
    }

    @Override
    public void authorize(final AuthenticatedUser user, final RequestMessage request) throws AuthorizationException {
        final Object language = request.getArgs().get(Tokens.ARGS_LANGUAGE);
        if (language != null && !LANGUAGE.equals(language)) {
            throw new AuthorizationException(language + " is not offered, only " + LANGUAGE);
        }
        final Map<String, Object> args = request.getArgs();
        // Without a language the server would take Groovy.
        args.put(Tokens.ARGS_LANGUAGE, LANGUAGE);
        final Map<String, String> aliases = new HashMap<>();
        aliases.put("g", Graphs.DATASET);
        if (args.get(Tokens.ARGS_ALIASES) instanceof Map) {
            ((Map<?, ?>) args.get(Tokens.ARGS_ALIASES)).forEach((key, value) -> aliases.put(key + "", value + ""));
        }
        for (final Map.Entry<String, String> alias : aliases.entrySet()) {
            alias.setValue(allowed(user, alias.getValue()));
        }
        args.put(Tokens.ARGS_ALIASES, aliases);
    }

    /** The last look at a request, right before it runs. */
    static void refuseOtherLanguages(final RequestMessage request) {
        if (request.getOp().equals(Tokens.OPS_EVAL) && !LANGUAGE.equals(request.getArgs().get(Tokens.ARGS_LANGUAGE))) {
            throw new IllegalStateException("only " + LANGUAGE + " is offered");
        }
    }

    /** The graph that a user gets who asks for one. */
    private static String allowed(final AuthenticatedUser user, final String name) throws AuthorizationException {
        if (!user.getName().equals(Users.ADMIN)) {
            if (name.equals(Graphs.DATASET) || name.equals(Graphs.READ_ONLY)) {
                return Graphs.READ_ONLY;
            }
            if (!name.startsWith(Graphs.ATTEMPTS)) {
                throw new AuthorizationException("the graph " + name + " is not yours");
            }
        }
        Graphs.current().want(name);
        return name;
    }
}
