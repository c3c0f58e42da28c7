package sandbox.mongodb;

import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.BasicDataType;

/** How the store writes a document: as BSON, which says its own length. */
final class BsonType extends BasicDataType<Document> {
    static final BsonType INSTANCE = new BsonType();

    @Override
    public int getMemory(Document document) {
        // An estimate for the store's cache; exact sizes would cost an encoding each.
        return 256 + 64 * document.size();
    }

    @Override
    public void write(WriteBuffer out, Document document) {
        byte[] known = Template.bytes(document);
        if (known != null) {
            out.put(known, 0, known.length);
            return;
        }
        ByteBuf encoded = encoded(document);
        out.put(encoded.array(), 0, encoded.writerIndex());
    }

    static ByteBuf encoded(Document document) {
        ByteBuf encoded = Unpooled.buffer(512);
        BsonEncoder.encodeDocument(document, encoded);
        return encoded;
    }

    @Override
    public Document read(ByteBuffer in) {
        ByteBuf encoded = Unpooled.wrappedBuffer(in);
        Document document = BsonDecoder.decodeBson(encoded);
        in.position(in.position() + encoded.readerIndex());
        return document;
    }

    @Override
    public Document[] createStorage(int size) {
        return new Document[size];
    }
}
