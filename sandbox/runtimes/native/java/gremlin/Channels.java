package sandbox.gremlin;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import org.apache.tinkerpop.gremlin.server.auth.AuthenticatedUser;
import org.apache.tinkerpop.gremlin.server.channel.WebSocketChannelizer;
import org.apache.tinkerpop.gremlin.server.handler.StateKey;
import org.apache.tinkerpop.gremlin.util.Tokens;
import org.apache.tinkerpop.gremlin.util.message.RequestMessage;
import org.apache.tinkerpop.gremlin.util.message.ResponseMessage;
import org.apache.tinkerpop.gremlin.util.message.ResponseStatusCode;

/**
 * Web sockets without sessions, and with a limit on how long a learner's request may run. What a session is for,
 * transactions over several requests, these graphs do not have; and it would run in threads of its own, past the
 * lock that keeps saves whole.
 */
public final class Channels extends WebSocketChannelizer {
    /** Argument that marks a request of anybody but the administrator. */
    static final String LESSER = "sandbox-lesser";

    @Override
    public void configure(final ChannelPipeline pipeline) {
        super.configure(pipeline);
        pipeline.addLast("limits", new Limits(settings.evaluationTimeout));
    }

    private static final class Limits extends ChannelInboundHandlerAdapter {
        private final long longest;

        Limits(final long longest) {
            this.longest = longest;
        }

        @Override
        public void channelRead(final ChannelHandlerContext context, final Object message) {
            if (!(message instanceof RequestMessage)) {
                context.fireChannelRead(message);
                return;
            }
            final RequestMessage request = (RequestMessage) message;
            if ("session".equals(request.getProcessor())) {
                context.writeAndFlush(ResponseMessage.build(request)
                        .code(ResponseStatusCode.REQUEST_ERROR_INVALID_REQUEST_ARGUMENTS)
                        .statusMessage("Sessions are not offered: these graphs have no transactions").create());
                return;
            }
            final Object asked = request.getArgs().get(Tokens.ARGS_EVAL_TIMEOUT);
            final AuthenticatedUser user = context.channel().attr(StateKey.AUTHENTICATED_USER).get();
            request.getArgs().remove(LESSER);
            if (user == null || !user.getName().equals(Users.ADMIN)) {
                request.getArgs().put(LESSER, true);
                // Zero means for ever.
                final long millis = asked instanceof Number ? ((Number) asked).longValue() : 0;
                request.getArgs().put(Tokens.ARGS_EVAL_TIMEOUT, millis > 0 ? Math.min(millis, longest) : longest);
            }
            context.fireChannelRead(message);
        }
    }
}
