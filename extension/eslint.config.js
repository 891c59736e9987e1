import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['lib', 'build', 'node_modules'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      curly: ['error', 'all'],
      eqeqeq: 'error',
      complexity: ['error', 10],
      'max-lines': ['error', { max: 300, skipComments: true }],
      'no-restricted-properties': [
        'error',
        // A saved notebook may come from anybody: its strings reach the page as text nodes, never as markup.
        { property: 'innerHTML', message: 'Build elements with dom.ts.' },
        { property: 'outerHTML', message: 'Build elements with dom.ts.' },
        { property: 'insertAdjacentHTML', message: 'Build elements with dom.ts.' }
      ]
    }
  },
  // Tests read markup, and reach into it without ceremony.
  { files: ['test/**'], rules: { complexity: 'off', 'no-restricted-properties': 'off' } }
);
