package dev.warpwright.cli.model;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import java.io.IOException;
import java.util.Arrays;

/**
 * Lets the shipped model continue its text greedily on some backends, and prints the tokens and the
 * logits behind the prompt of each; started by {@link TornadoDecoderTest}.
 */
public final class GreedyMain {
  private static final int PROMPT = 70;
  private static final int GENERATED = 32;

  private GreedyMain() {}

  /** Arguments are the type of keys and values, and names of backends. */
  public static void main(String[] arguments) throws IOException {
    int[] prompt = Arrays.copyOf(Tokenizer.BYTES.encode(ShippedModel.text()), PROMPT);
    for (String backend : Arrays.copyOfRange(arguments, 1, arguments.length)) {
      try (Warpwright ww = Warpwright.builder().backend(backend).threads(2).open();
          Model model = ShippedModel.open();
          Decoder decoder =
              new Decoder(
                  ww,
                  model,
                  DecoderOptions.of(WeightKind.F32, model.config())
                      .withKv(DType.valueOf(arguments[0]))
                      .withChunk(64)
                      .withLength(PROMPT + GENERATED));
          TokenStream stream = decoder.newStream()) {
        Tensor logits = stream.feed(prompt);
        System.out.println("LOGITS " + Arrays.toString(logits.toFloats()));
        int[] tokens = stream.generate(logits, GENERATED, Sampler.GREEDY, token -> {});
        System.out.println("TOKENS " + Arrays.toString(tokens));
      }
    }
  }
}
