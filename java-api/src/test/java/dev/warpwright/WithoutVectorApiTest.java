package dev.warpwright;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.sparse.Linear;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * A JVM without the incubator module computes the same, scalar, and is told which flag is missing.
 */
class WithoutVectorApiTest {
  /** What the other JVM runs. */
  static final class Program {
    public static void main(String[] args) {
      try (Warpwright ww = Warpwright.open();
          Linear layer =
              ww.linear(new DenseMatrix(Tensor.wrap(new float[] {1, 2, 3, 4}, 2, 2)), 1)) {
        float[] y = new float[2];
        layer.apply(Tensor.wrap(new float[] {1, 10}, 1, 2), Tensor.wrap(y, 1, 2));
        System.out.println(ww.diagnostics());
        System.out.println("y = " + y[0] + " " + y[1]);
      }
    }
  }

  @Test
  void runsScalarAndNamesTheFlag() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName())
            .redirectErrorStream(true)
            .start();
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), "still running: " + printed);
    assertEquals(0, process.exitValue(), printed);
    assertTrue(printed.contains("y = 21.0 43.0"), printed);
    assertTrue(
        printed.contains("warning: the Vector API is missing")
            && printed.contains("--add-modules jdk.incubator.vector"),
        printed);
  }
}
