package sandbox.gremlin;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import org.apache.tinkerpop.gremlin.server.channel.WebSocketChannelizer;
import org.apache.tinkerpop.gremlin.util.message.RequestMessage;
import org.apache.tinkerpop.gremlin.util.message.ResponseMessage;
import org.apache.tinkerpop.gremlin.util.message.ResponseStatusCode;

/**
 * Web sockets without sessions. What a session is for, transactions over several requests, these graphs do not
 * have; and it would run in threads of its own, past the lock that keeps saves whole.
 */
public final class Channels extends WebSocketChannelizer {
    @Override
    public void configure(final ChannelPipeline pipeline) {
        super.configure(pipeline);
        pipeline.addLast("no-sessions", new NoSessions());
    }

    private static final class NoSessions extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(final ChannelHandlerContext context, final Object message) {
            if (message instanceof RequestMessage && "session".equals(((RequestMessage) message).getProcessor())) {
                context.writeAndFlush(ResponseMessage.build((RequestMessage) message)
                        .code(ResponseStatusCode.REQUEST_ERROR_INVALID_REQUEST_ARGUMENTS)
                        .statusMessage("Sessions are not offered: these graphs have no transactions").create());
            } else {
                context.fireChannelRead(message);
            }
        }
    }
}
