package dev.warpwright.cli.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.softgpu.SoftGpuTest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.ServiceLoader;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The same model writes the same text on a GPU, with weights of every kind. */
@SoftGpuTest
class CudaDecoderTest {
  private static final int[] PROMPT = new Random(3).ints(9, 0, TinyLlama.VOCABULARY).toArray();
  private static final int GENERATED = 6;

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void writesWhatTheCpuWrites(WeightKind weights) throws IOException {
    assumeTrue(
        ServiceLoader.load(KernelProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .anyMatch(provider -> provider.id().equals("cuda") && provider.probe().isAvailable()),
        "the build had no nvcc");
    new TinyLlama(true, DType.F32).write(folder);
    assertArrayEquals(generate("cpu", weights), generate("cuda", weights));
  }

  private int[] generate(String backend, WeightKind weights) throws IOException {
    try (Warpwright ww = Warpwright.builder().backend(backend).threads(2).open();
        Model model = Model.open(folder);
        Decoder decoder = new Decoder(ww, model, DecoderOptions.of(weights, model.config()));
        TokenStream stream = decoder.newStream()) {
      return stream.generate(stream.feed(PROMPT), GENERATED, Sampler.GREEDY, token -> {});
    }
  }
}
