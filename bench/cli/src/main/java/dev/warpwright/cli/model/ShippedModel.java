package dev.warpwright.cli.model;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** The small mixture-of-experts decoder in the jar, and text that it was not trained on. */
public final class ShippedModel {
  private static final String NAME = "the shipped model";

  private ShippedModel() {}

  /**
   * The model. Its weights are copied out of the jar into memory: a jar's entry cannot be mapped.
   */
  public static Model open() throws IOException {
    ModelConfig config = ModelConfig.parse("config.json", ByteBuffer.wrap(read("config.json")));
    byte[] file = read("model.safetensors");
    Arena arena = Arena.ofShared();
    try {
      MemorySegment bytes = arena.allocate(file.length, 64);
      bytes.copyFrom(MemorySegment.ofArray(file));
      Safetensors weights = Safetensors.of("model.safetensors", bytes, arena);
      return new Model(NAME, config, Checkpoint.of(weights), Tokenizer.BYTES);
    } catch (IOException | RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /** 128 KiB of English. */
  public static byte[] text() throws IOException {
    return read("valid.txt");
  }

  private static byte[] read(String resource) throws IOException {
    try (InputStream in = ShippedModel.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new FileNotFoundException(resource + " is missing in the jar");
      }
      return in.readAllBytes();
    }
  }
}
